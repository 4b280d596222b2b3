"""Ctrl-C in a call from C into Python, which Python or the library in C would ignore, is raised again a moment later."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOMENT = 0.01  # seconds, after which such a call has usually ended


def interrupt_soon() -> None:
    """Interrupt the main thread in a moment."""
    # not `threading.Thread`, which waits until the new thread runs, and for which the end of the program waits
    _thread.start_new_thread(_interrupt, ())


def _interrupt() -> None:
    time.sleep(MOMENT)
    main = threading.main_thread().ident
    assert main is not None
    # not `_thread.interrupt_main`, which wakes no thread that waits
    signal.pthread_kill(main, signal.SIGINT)


@contextmanager
def ignored_interrupts_again() -> Iterator[None]:
    """Raise Ctrl-C again, without the traceback, if Python ignores it in the body. For programs.

    Python cannot raise anything in callbacks of weak references, which h5py uses in all its functions, in those of `ctypes`, and in
    `__del__`: it would print a traceback and go on.
    """
    usual = sys.unraisablehook

    def handle(ignored: Any) -> None:
        try:
            if issubclass(ignored.exc_type, KeyboardInterrupt):
                interrupt_soon()
            else:
                usual(ignored)
        except KeyboardInterrupt:  # a second Ctrl-C, here
            interrupt_soon()

    sys.unraisablehook = handle
    try:
        yield
    finally:
        sys.unraisablehook = usual
