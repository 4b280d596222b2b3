"""What keeps a run in its working directory from its work: rights, a dead run's lock, files of the future."""

from __future__ import annotations

import fcntl
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from imprint.errors import UserError


def ready(results: Path) -> None:
    """See to what keeps a run in the working directory from its work: rights, a dead run's lock, files of the future.

    `UserError` if the directory itself cannot be written to; the rest is said on the terminal.
    """
    for folder in (Path.cwd() / ".snakemake", results.absolute()):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not os.access(there, os.W_OK):
            said = f"{there} cannot be written to, so nothing can be computed here; give this user the right to it"
            if folder == results.absolute():  # a finished study can still be looked at
                print(f"{said}, or name another place by `results` in the configuration.", file=sys.stderr)
            else:
                raise UserError(f"{said}, or work in another directory.")
    if take_over_stale_lock(Path.cwd()):
        print("The last run here was killed; this one goes on where it stopped.", file=sys.stderr)
    early = _of_the_future(results)
    if early:
        print(
            f"A clock has jumped: {early} files in {results} were of the future; they are of now.",
            file=sys.stderr,
        )


def _of_the_future(results: Path) -> int:
    """Give files of a later time the present one, and count them.

    Snakemake takes what is made from such a file, being older, for a failure, and deletes it.
    """
    found = 0
    for path in results.rglob("*"):
        with suppress(OSError):  # gone in this moment, or not ours
            if path.stat().st_mtime > time.time() + SKEW:
                os.utime(path)
                found += 1
    return found


SKEW = 60  # seconds that the clock of a file server may be ahead
_held: list[IO[str]] = []  # open for the life of the process: closing lets the lock go


def take_over_stale_lock(folder: Path) -> bool:
    """Remove the lock that a killed Snakemake left in `folder`; True if there was one.

    Snakemake's lock is a plain file, so a run that is killed outright locks its folder for ever. Beside it each process,
    be it of a dry run, shares a lock of the operating system, which ends with the process: whoever gets it alone, on the
    machine that wrote its name last, knows that no other is alive. A lock of another machine, or of a run without this
    one, is kept.
    """
    if _held:
        return False
    own, locks = folder / ".snakemake" / "imprint.lock", folder / ".snakemake" / "locks"
    stale = []
    with suppress(OSError):  # a file system without such locks: Snakemake's own decides
        own.parent.mkdir(parents=True, exist_ok=True)
        file = own.open("a+", encoding="utf-8")
        _held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # another process is alive
        else:
            file.seek(0)
            here, last, left = platform.node(), file.read(), list(locks.glob("*.lock"))
            if last == here or not left:
                file.truncate(0)
                file.write(here)
                file.flush()
            if last == here:
                stale = left
            for lock in stale:
                lock.unlink(missing_ok=True)
        fcntl.flock(file, fcntl.LOCK_SH)
    return bool(stale)
