"""Names with an argument in brackets, such as `whiten(oas)`."""

from __future__ import annotations

import re

_NAME = re.compile(r"(\w+)(?:\((.*)\))?")


def split_name(text: str) -> tuple[str, str | None]:
    """Split a text into a name and its argument, or None without an argument.

    Examples
    --------
    >>> split_name("whiten(oas)"), split_name("whiten")
    (('whiten', 'oas'), ('whiten', None))
    """
    match = _NAME.fullmatch(text)
    return (match[1], match[2]) if match else (text, None)
