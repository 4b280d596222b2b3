"""Readable quantities, counts and lists."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Literal

LISTED = 5  # items of a list that a message shows


def listed(items: Iterable[object]) -> str:
    """The first items, separated by commas, and the number of further ones."""
    names = [str(item) for item in items]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun in singular or plural, by default with an s.

    Examples
    --------
    >>> count(1, "task"), count(4000, "task"), count(2, "class", "classes")
    ('1 task', '4,000 tasks', '2 classes')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def class_name(label: object) -> str:
    """The name of a class with this label; a whole number has one name, also as a float.

    Examples
    --------
    >>> class_name(2.0), class_name(2), class_name("2.0"), class_name(0.5)
    ('2', '2', '2.0', '0.5')
    """
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return str(label)


def label_text(label: object) -> str | None:
    """The name of the class of an image with this label in a table or dataset; None if it has no label.

    Examples
    --------
    >>> label_text(2.0), label_text(b"cat"), label_text(" "), label_text(float("nan")), label_text(None)
    ('2', 'cat', None, None, None)
    """
    if label is None or label != label:  # NaN, as programs write a missing number
        return None
    if isinstance(label, bytes):
        label = label.decode("utf-8", "backslashreplace")
    name = class_name(label)
    return name if name.strip() else None


def quoting(rows: Iterable[Iterable[object]]) -> Literal[0, 1]:
    """The `quoting` of a CSV file with these rows: the csv module takes a bare CR for the end of a line unless it is quoted."""
    has_returns = any("\r" in cell for row in rows for cell in row if isinstance(cell, str))
    return csv.QUOTE_ALL if has_returns else csv.QUOTE_MINIMAL


def duration(seconds: float) -> str:
    """A time in a suitable unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """A number of bytes in a suitable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def as_text(cell: str) -> str:
    """A CSV cell that spreadsheets read as text: an apostrophe is put before a formula.

    Examples
    --------
    >>> as_text("=1+1.png"), as_text("cat.png"), as_text("-1.5")
    ("'=1+1.png", 'cat.png', '-1.5')
    """
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
