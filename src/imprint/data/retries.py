"""Downloads that are tried again, for downloaders that do not: those of torchvision, torch and timm."""

from __future__ import annotations

import logging
import textwrap
import time
from collections.abc import Callable
from typing import TypeVar

from imprint.errors import NO_RIGHT, NO_ROOM

log = logging.getLogger("imprint")

PAUSES = (2, 10)  # seconds before the second and the third attempt

T = TypeVar("T")


def persistent(name: str, download: Callable[[], T]) -> T:
    """Call a download again after a failure that may pass, three times in all.

    Such failures are a connection that is not there or breaks, a server in trouble, and a wrong checksum.

    Parameters
    ----------
    name : str
        What the log calls it.
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
    """An error in one line; torchvision names the file on the first of several and the cause on the last."""
    return textwrap.shorten(str(error), 300) or type(error).__name__


def is_local(error: OSError) -> bool:
    """Whether this machine failed, such as a full disk, and not the network."""
    return error.errno in NO_ROOM | NO_RIGHT


def _may_pass(error: OSError | RuntimeError) -> bool:
    if isinstance(error, RuntimeError):
        # words of torch and torchvision for a wrong checksum, and for mirrors that all failed
        return any(word in str(error) for word in ("hash", "corrupted", "Error downloading"))
    if is_local(error):
        return False
    status = getattr(error, "code", None) or 0  # of urllib's HTTPError
    return not 400 <= status < 500 and not isinstance(error, FileNotFoundError | PermissionError)
