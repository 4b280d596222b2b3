"""Checks before a run: permissions, killed runs, files from the future. They change nothing."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR

from imprint.errors import UserError
from imprint.formatting import count
from imprint.study import running

KILLED = (
    "The last run here was killed. If it ran on a cluster, cancel its jobs first: those still at work "
    "can fail, or make fail, the same jobs of a new run. If Snakemake reports a lock, remove it with "
    "`snakemake --unlock`; a new run continues where the killed one stopped."
)


def check_startup(results: Path) -> None:
    """Check the working directory before a run, and print what the user may have to do.

    Parameters
    ----------
    results : Path
        The folder of the results.

    Raises
    ------
    UserError
        If the working directory cannot be written to, or the results cannot be read. Results that
        cannot be written to are only reported: a finished study can still be read.
    """
    if reason := why_unreadable(results):
        raise UserError(reason)
    for folder in (Path.cwd() / ".snakemake", results.absolute()):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if os.access(existing, os.W_OK):
            continue
        message = (
            f"{existing} cannot be written to, so nothing can be computed here; "
            "give this user permission"
        )
        if folder != results.absolute():
            raise UserError(f"{message}, or work in another directory.")
        print(
            f"{message}, or name another folder by `results` in the configuration.", file=sys.stderr
        )
    if running.state(results) is running.State.KILLED:
        print(KILLED, file=sys.stderr)


def why_unreadable(results: Path) -> str | None:
    """Why the folder of the results cannot be used, with a remedy; None if it can, or does not exist yet."""
    path = results.absolute()
    for folder in (*reversed(path.parents), path):
        try:
            is_folder = S_ISDIR(folder.stat().st_mode)
        except FileNotFoundError:
            if not folder.is_symlink():
                return None
            target = os.path.realpath(folder)  # where the last link of several leads
            reason = (
                f"is a link to {target}, which does not exist; make that folder, mount its disk"
            )
        except OSError as error:  # a link into another user's folder, a disk that does not answer
            reason = f"cannot be read ({error.strerror}); give this user permission, mount its disk"
        else:
            if not is_folder:
                reason = "is a file where a folder is needed; move it away"
            elif not os.access(folder, os.X_OK if folder != path else os.R_OK | os.X_OK):
                reason = "cannot be read; give this user permission"
            else:
                continue
        return f"{folder} {reason}, or name another folder by `results` in the configuration"
    return None


def future_files(results: Path) -> str | None:
    """Advice about result files whose time is in the future; None if there are none.

    Snakemake takes an output that is older than its input for a failure, and deletes it.
    """
    files = []
    for path in results.rglob("*"):
        with suppress(OSError):  # deleted meanwhile, or not readable
            if path.is_file() and path.stat().st_mtime > time.time() + running.CLOCK_SKEW:
                files.append(path)
    if not files:
        return None
    return (
        f"A clock is or was wrong: {count(len(files), f'file in {results} is', f'files in {results} are')} from the future, such as "
        f"{min(files)}, and Snakemake deletes what it makes from them. When the clock is right, "
        f"`find {results} -newermt now -exec touch {{}} +` sets their time to now."
    )
