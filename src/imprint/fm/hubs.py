"""Hubs of weights: whether they give anything, so that a machine without a network is told at once."""

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

TIMEOUT = 4  # seconds that a server may take to answer
PAUSES = (0.2, 0.5)  # between attempts, as a name server or a server may fail once
BUSY = 429  # too many requests


def refusal(url: str) -> str:
    """Why the server of a URL gives nothing now, in words that follow its name; empty where it may give something.

    It is asked through a proxy where the environment names one. Three attempts are made, but one of a server that takes
    its time.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        return ""
    words = ""
    for pause in (*PAUSES, None):
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT
            ):
                return ""
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != BUSY:
                return ""
            words = f"answers with {error.code} {error.reason}"
        except http.client.HTTPException:
            return ""
        except OSError as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):  # a certificate that the hub's client may trust
                return ""
            words = "cannot be reached"
            if isinstance(reason, TimeoutError):
                return words
        if pause is not None:
            time.sleep(pause)
    return words


@contextmanager
def hugging_face(repository: str) -> Iterator[str]:
    """Why Hugging Face's hub does not give the files of a repository now, as `refusal` says it.

    Inside, its client asks only its own folder where the hub gives nothing. It tells of its own attempts once.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    before = constants.HF_HUB_OFFLINE
    words = "is not to be asked (HF_HUB_OFFLINE)"
    if not before:
        words = refusal(f"{constants.ENDPOINT}/{repository}/resolve/main/config.json")
    constants.HF_HUB_OFFLINE = bool(words)
    logging.disable_propagation()
    try:
        yield words
    finally:
        constants.HF_HUB_OFFLINE = before


def advice() -> str:
    """Which FMs need no hub."""
    return f"Installed FMs, of source 'package', need no network: {', '.join(PACKAGED)}"
