"""Hubs of weights: whether they are there, so that a machine without a network is told at once."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from imprint.fm.packaged_models import PACKAGED

TIMEOUT = 5  # seconds of one attempt
PAUSES = (0.5, 1)  # between attempts, as a name server may fail once


def is_reachable(url: str) -> bool:
    """Whether the server of a URL answers, with whatever status; through a proxy where the environment names one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return True
    request = urllib.request.Request(f"{parts.scheme}://{parts.netloc}/", method="HEAD")
    for pause in (*PAUSES, None):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                return True
        except (urllib.error.HTTPError, http.client.HTTPException):
            return True
        except OSError as error:
            # a certificate that the hub's client may trust
            if isinstance(getattr(error, "reason", error), ssl.SSLError):
                return True
            if pause is not None:
                time.sleep(pause)
    return False


@contextmanager
def hugging_face() -> Iterator[bool]:
    """Whether Hugging Face's hub can be reached; inside, its client asks only its own folder where it cannot."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    reachable = not before and is_reachable(constants.ENDPOINT)
    constants.HF_HUB_OFFLINE = not reachable
    try:
        yield reachable
    finally:
        constants.HF_HUB_OFFLINE = before


def advice() -> str:
    """Which FMs need no hub."""
    return f"FMs of source 'package' need no network: {', '.join(PACKAGED)}"
