"""Downloads that are tried again."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger("imprint")

PAUSES = (2, 10)  # seconds before the second and the third attempt

T = TypeVar("T")


def persistent(what: str, download: Callable[[], T]) -> T:
    """What `download()` returns; called again after a failure that may pass, three times in all.

    Such are OSError (a connection) and RuntimeError (torch's and torchvision's word for a wrong checksum).
    """
    for pause in PAUSES:
        try:
            return download()
        except (OSError, RuntimeError) as error:
            log.warning("%s: %s; trying again in %d s", what, error, pause)
            time.sleep(pause)
    return download()
