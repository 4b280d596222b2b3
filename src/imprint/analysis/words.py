"""Text helpers: counts with their noun, and names in natural order."""

from __future__ import annotations

import re
from collections.abc import Iterable


def count(number: int, noun: str) -> str:
    """A number with its noun in singular or plural.

    Examples
    --------
    >>> count(1, "task"), count(4, "task")
    ('1 task', '4 tasks')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


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
