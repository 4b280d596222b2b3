"""Check whether hubs of weights can be reached, so that a machine without a network gets an error at once."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from imprint.data.retries import is_temporary
from imprint.fm.packaged_models import PACKAGED

TIMEOUT = 4  # seconds that a server may take to answer
PAUSES = (0.2, 0.5)  # seconds between attempts, as a name server or a server may fail once


def refusal(url: str) -> str:
    """The reason why the server of a URL gives no files now, as a phrase that follows its name; empty if it may give some.

    The request goes through the proxy of the environment, if there is one. Three attempts are made, but only one if the
    server does not answer in time.
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
            if not is_temporary(error.code):
                return ""
            words = f"answers with {error.code} {error.reason}"
        except http.client.HTTPException:
            return ""
        except OSError as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):  # the hub's client may trust the certificate
                return ""
            words = "cannot be reached"
            if isinstance(reason, TimeoutError):
                return words
        if pause is not None:
            time.sleep(pause)
    return words


@contextmanager
def hugging_face(repository: str) -> Iterator[str]:
    """The reason why Hugging Face's hub does not give the files of a repository now; see `refusal`.

    If there is one, the hub's client uses only its cache inside this context. Its log records are not propagated.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    before = constants.HF_HUB_OFFLINE
    words = "is not used (HF_HUB_OFFLINE is set)"
    if not before:
        words = refusal(f"{constants.ENDPOINT}/{repository}/resolve/main/config.json")
    constants.HF_HUB_OFFLINE = bool(words)
    logging.disable_propagation()
    try:
        yield words
    finally:
        constants.HF_HUB_OFFLINE = before


def advice() -> str:
    """A sentence that lists the FMs that need no hub."""
    return f"Installed FMs, of source 'package', need no network: {', '.join(PACKAGED)}"
