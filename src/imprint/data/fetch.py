"""Downloads that are tried again."""

import logging
import textwrap
import time
from collections.abc import Callable
from typing import TypeVar

from imprint.errors import NO_RIGHT, NO_ROOM

log = logging.getLogger("imprint")

PAUSES = (2, 10)  # seconds before the second and the third attempt

T = TypeVar("T")


def persistent(what: str, download: Callable[[], T]) -> T:
    """What `download()` returns; called again after a failure that may pass, three times in all.

    Such are a connection that is not there or breaks, a server in trouble, and a wrong checksum.
    """
    for pause in PAUSES:
        try:
            return download()
        except (OSError, RuntimeError) as error:
            if not _may_pass(error):
                raise
            log.warning("%s: %s; trying again in %d s", what, error, pause)
            time.sleep(pause)
    return download()


def reason(error: Exception) -> str:
    """In one line; torchvision tells what failed on the first and why on the last of several."""
    return textwrap.shorten(str(error), 300) or type(error).__name__


def is_local(error: OSError) -> bool:
    """Whether it was this machine that failed, such as a full disk, and not the way to another."""
    return error.errno in NO_ROOM | NO_RIGHT


def _may_pass(error):
    if isinstance(
        error, RuntimeError
    ):  # torch's and torchvision's words for a wrong checksum, and for all mirrors
        return any(word in str(error) for word in ("hash", "corrupted", "Error downloading"))
    if is_local(error):
        return False
    refused = 400 <= (getattr(error, "code", None) or 0) < 500  # of urllib's HTTPError
    return not refused and not isinstance(error, FileNotFoundError | PermissionError)
