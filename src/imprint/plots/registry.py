"""The figures by name: adding one is a decorated function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    Presets = Mapping[str, Mapping[str, Any]]
    Draw = Callable[[pd.DataFrame, pd.DataFrame, Presets], Figure]


class NothingToShow(Exception):
    """The data hold no row of what a figure shows; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class Entry:
    """A figure as the report lists it; `draw` never fails for want of rows but says what is missing."""

    name: str
    title: str
    category: str
    function: Draw

    def draw(self, scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
        """The figure of these results, in the common style. Shapes of the tables: see `imprint.plots`."""
        from imprint.plots import style

        with style.applied():
            try:
                return self.function(scores, collapse, presets)
            except NothingToShow as missing:
                return style.notice(self.title, str(missing))


FIGURES: dict[str, Entry] = {}


def figure(name: str, *, title: str, category: str) -> Callable[[Draw], Draw]:
    """Register a function (scores, collapse, presets) -> Figure under a name."""

    def register(function: Draw) -> Draw:
        FIGURES[name] = Entry(name, title, category, function)
        return function

    return register


def find(name: str) -> Entry:
    """The figure of that name, or a `UserError` that lists the names there are."""
    if name not in FIGURES:
        raise UserError(f"unknown figure '{name}'; known: {', '.join(sorted(FIGURES))}")
    return FIGURES[name]
