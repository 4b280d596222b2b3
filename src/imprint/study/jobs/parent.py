"""End a job whose run was killed: nothing waits for its files, and the next run makes them again."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

log = logging.getLogger("imprint")

SECONDS = 1.0  # between two checks
GRACE = 5.0  # seconds for the job to clean up


@contextmanager
def ends_with_parent(name: str) -> Iterator[None]:
    """Interrupt the body when the parent of this process ends, and end the process if that takes too long.

    Parameters
    ----------
    name : str
        Name of the job in the message.
    """
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(name, os.getppid(), done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()


def _watch(name: str, parent: int, done: threading.Event) -> None:
    while not done.wait(SECONDS):
        if os.getppid() != parent:
            message = "ended before it was done, because the run that started it was killed"
            log.error("%s", message)
            with suppress(OSError, ValueError):  # the terminal may be closed
                sys.stderr.write(f"{name}: {message}\n")
            os.kill(os.getpid(), signal.SIGINT)
            if not done.wait(GRACE):
                os._exit(1)
