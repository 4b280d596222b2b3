"""The tables by name: adding one is a decorated function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    Presets = Mapping[str, Mapping[str, Any]]
    Make = Callable[[pd.DataFrame, pd.DataFrame, Presets], pd.DataFrame]


@dataclass(frozen=True)
class Entry:
    """A table as the report lists it; `make` takes scores, collapse and presets."""

    name: str
    title: str
    category: str
    make: Make


TABLES: dict[str, Entry] = {}


def table(name: str, *, title: str, category: str) -> Callable[[Make], Make]:
    """Register a function (scores, collapse, presets) -> DataFrame under a name."""

    def register(make: Make) -> Make:
        TABLES[name] = Entry(name, title, category, make)
        return make

    return register


def find(name: str) -> Entry:
    """The table of that name, or a `UserError` that lists the names there are."""
    if name not in TABLES:
        raise UserError(f"unknown table '{name}'; known: {', '.join(sorted(TABLES))}")
    return TABLES[name]


def noted(frame: pd.DataFrame, *notes: str) -> pd.DataFrame:
    """The table with a column `note`, filled in its first row; a table without rows gets one that holds only this."""
    if frame.empty:
        frame, notes = frame.reindex([0]), notes or ("No results in this experiment.",)
    return frame.assign(note=[" ".join(notes) or None, *[None] * (len(frame) - 1)])
