"""Whether a run is at work, from a note that it writes in the results, and which pages it made."""

from __future__ import annotations

import json
import os
import platform
from enum import Enum
from pathlib import Path

from imprint.store.paths import REPORTS, report_file, running_file


class State(Enum):
    """The state of the last run."""

    ENDED = "ended"
    AT_WORK = "at work"
    KILLED = "killed"


def begin(results: str | Path) -> None:
    """Write the note of this process."""
    note = running_file(results)
    note.parent.mkdir(parents=True, exist_ok=True)
    process = {"host": platform.node(), "process": os.getpid()}
    note.write_text(json.dumps(process), encoding="utf-8")


def end(results: str | Path) -> None:
    """Remove the note."""
    running_file(results).unlink(missing_ok=True)


def new_pages(results: str | Path, since: float) -> list[Path]:
    """The report and the pages of experiments that were made since then (seconds since the epoch)."""
    pages = [report_file(results), *sorted(Path(results, REPORTS).glob("*.html"))]
    return [page for page in pages if page.exists() and page.stat().st_mtime >= since]


def state(results: str | Path) -> State:
    """The state of the last run in these results; a run on another host counts as at work."""
    try:
        process = json.loads(running_file(results).read_text(encoding="utf-8"))
        host, number = process["host"], int(process["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return State.ENDED
    if host != platform.node():
        return State.AT_WORK
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return State.KILLED
    except PermissionError:  # another user's process
        pass
    return State.AT_WORK
