"""Names in natural order."""

from __future__ import annotations

import re
from collections.abc import Iterable


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts glyphs-d2 before glyphs-d10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", str(name))
        if part
    ]


def natural_order(names: Iterable[object]) -> list[str]:
    """The distinct names, with the numbers in them sorted by value."""
    return sorted(map(str, set(names)), key=natural)
