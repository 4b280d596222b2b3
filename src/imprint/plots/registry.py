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
    Draw = Callable[[pd.DataFrame, Any, Any], Figure]


class NothingToShow(Exception):
    """The data hold no row of what a figure shows; the message says what is missing and how to get it."""


NO_FAMILY = "No 'd in 1' tasks in this experiment. Add a task family with several d to its tasks."


@dataclass(frozen=True)
class Entry:
    """A figure as the report lists it; `draw` never fails for want of rows but says what is missing.

    data: what it is drawn from: `scores` (with collapse and presets), or what a job of its own made for one FM and
    task: `tsne` or `predictions`.
    """

    name: str
    title: str
    category: str
    function: Draw
    data: str = "scores"

    def draw(
        self,
        *inputs: Any,
        width: str = "column",
        missing: Callable[[str], None] = lambda message: None,
    ) -> Figure:
        """The figure of these results, in the common style. What the inputs are: see `imprint.plots`.

        width: `column` or `page`. missing: called with what is missing if there is nothing to show.
        """
        from imprint.plots import style

        with style.applied(width):
            try:
                return self.function(*inputs)
            except NothingToShow as reason:
                missing(str(reason))
                return style.notice(self.title, str(reason))


FIGURES: dict[str, Entry] = {}


def figure(name: str, *, title: str, category: str, data: str = "scores") -> Callable[[Draw], Draw]:
    """Register a function that draws a figure from three inputs, of the kind `data`, under a name."""

    def register(function: Draw) -> Draw:
        FIGURES[name] = Entry(name, title, category, function, data)
        return function

    return register


def find(name: str) -> Entry:
    """The figure of that name, or a `UserError` that lists the names there are."""
    if name not in FIGURES:
        raise UserError(f"unknown figure '{name}'; known: {', '.join(sorted(FIGURES))}")
    return FIGURES[name]
