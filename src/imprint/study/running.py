"""Whether a run is at work, from a note that it writes in the results, and which pages it made."""

from __future__ import annotations

import _thread
import json
import os
import platform
import signal
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from imprint.errors import UserError
from imprint.store.files import write_text
from imprint.store.paths import REPORTS, report_file, running_file

LOCKS = Path(".snakemake", "locks")  # of Snakemake; a killed run leaves them
CLOCK_SKEW = 60  # seconds that the clocks of other machines may differ


class State(Enum):
    """The state of the last run."""

    ENDED = "ended"
    AT_WORK = "at work"
    KILLED = "killed"


def begin(results: str | Path) -> None:
    """Write the note of this process; a `UserError` if another one of this host is at work."""
    note = running_file(results)
    other = _process(note)
    if other and other.is_here and other.is_at_work:
        raise UserError(
            f"another run (process {other.number}) is at work on {results}; wait for its end, or stop it"
        )
    write_text(note, json.dumps(asdict(_Process.of_this())))


def end(results: str | Path) -> None:
    """Remove the note of this process."""
    if _process(running_file(results)) == _Process.of_this():
        running_file(results).unlink(missing_ok=True)


def new_pages(results: str | Path, since: float) -> list[Path]:
    """The report and the pages of experiments that were made since then (seconds since the epoch)."""
    pages = [report_file(results), *sorted(Path(results, REPORTS).glob("*.html"))]
    return [page for page in pages if page.exists() and page.stat().st_mtime >= since]


def state(results: str | Path) -> State:
    """The state of the last run in these results; one on another host counts as at work while Snakemake's lock is here."""
    process = _process(running_file(results))
    if process is None:
        return State.ENDED
    is_at_work = process.is_at_work if process.is_here else LOCKS.is_dir() and any(LOCKS.iterdir())
    return State.AT_WORK if is_at_work else State.KILLED


def handle_in_a_thread(number: int) -> None:
    """Call the handler of a signal in a thread of its own.

    Snakemake's takes a lock. In the main thread it waits for ever if it interrupts what holds this lock.
    """
    handler = signal.getsignal(number)
    if callable(handler):
        # not `threading.Thread`, which takes locks too
        signal.signal(number, lambda *arguments: _thread.start_new_thread(handler, arguments))


@dataclass(frozen=True)
class _Process:
    """A process: its host, its number, and when it started, since numbers are used again."""

    host: str
    number: int
    start: str

    @classmethod
    def of_this(cls) -> _Process:
        return cls(platform.node(), os.getpid(), _start(os.getpid()))

    @property
    def is_here(self) -> bool:
        """Whether the process is, or was, on this host; those of others cannot be asked."""
        return self.host == platform.node()

    @property
    def is_at_work(self) -> bool:
        """Whether the process, which is of this host, is alive."""
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's process
            pass
        return _start(self.number) == self.start


def _process(note: Path) -> _Process | None:
    """The process that wrote the note; None if there is no note."""
    try:
        return _Process(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _start(number: int) -> str:
    """When a process started, in clock ticks, and "ended" if only its exit status is left; empty on systems without /proc."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if fields[0] == "Z" else fields[19]
