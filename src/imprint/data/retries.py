"""Retries of downloads, for downloaders without retries of their own: those of torchvision, torch and timm."""

from __future__ import annotations

import logging
import textwrap
import time
from collections.abc import Callable
from typing import TypeVar

from imprint.errors import NO_RIGHT, NO_ROOM

log = logging.getLogger("imprint")

PAUSES = (2, 10)  # seconds before the second and the third attempt
TIMED_OUT, BUSY = 408, 429  # statuses of servers that may answer later

T = TypeVar("T")


def persistent(name: str, download: Callable[[], T]) -> T:
    """Call a download, again after a temporary failure, three times in all.

    Temporary failures are a connection that fails or breaks, a server error or a busy server, and a wrong
    checksum.

    Parameters
    ----------
    name : str
        Its name in the log.
    download : callable
        The download, without arguments.

    Returns
    -------
    object
        What `download` returns.
    """
    for pause in PAUSES:
        try:
            return download()
        except (OSError, RuntimeError) as error:
            if not _may_pass(error):
                raise
            log.warning("%s: %s; trying again in %d s", name, error, pause)
            time.sleep(pause)
    return download()


def reason(error: Exception) -> str:
    """An error in one line; torchvision's messages have several, the file in the first and the cause in the last."""
    return textwrap.shorten(str(error), 300) or type(error).__name__


def is_local(error: OSError) -> bool:
    """Whether the error is one of this machine, such as a full disk, and not of the network."""
    return error.errno in NO_ROOM | NO_RIGHT


def _may_pass(error: OSError | RuntimeError) -> bool:
    if isinstance(error, RuntimeError):
        # torch's and torchvision's messages for a wrong checksum, and for the failure of all mirrors
        return any(word in str(error) for word in ("hash", "corrupted", "Error downloading"))
    if is_local(error):
        return False
    # of urllib's HTTPError, and of the errors of Hugging Face's client
    response = getattr(error, "response", None)
    status: int = getattr(error, "code", None) or getattr(response, "status_code", None) or 0
    if isinstance(error, FileNotFoundError | PermissionError):
        return False
    return not status or is_temporary(status)


def is_temporary(status: int) -> bool:
    """Whether a server that answers with this HTTP status may give the file later."""
    return status >= 500 or status in (TIMED_OUT, BUSY)
