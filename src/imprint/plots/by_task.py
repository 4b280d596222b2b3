"""Accuracy on many tasks under many FMs: a panel for each, those of a task beside each other on one axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from imprint.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROWEST = 0.8  # inches of a panel and what is beside it
HEIGHT, HIGH = 0.9, 1.4  # inches of a panel, and where there are few below each other


def by_task(
    title: str,
    facts: str,
    tasks: Sequence[str],
    fms: Sequence[str],
    x_label: str,
    draw: Callable[[Axes, str, str, float], None],
) -> Figure:
    """A figure of accuracies (%) with a row of panels per task and a column per FM, as far as there is room.

    Tasks stand in two blocks beside each other if they fit; FMs that do not fit go on below.
    draw(axes, task, fm, inches): draws one panel and its x axis, so many inches wide.
    """
    columns = style.fitting(NARROWEST, len(fms))  # FMs beside each other
    deep = ceil(len(fms) / columns)
    blocks = style.fitting(max(columns * NARROWEST, 3.2), 2) if len(tasks) > 3 and deep == 1 else 1
    strips = ceil(len(tasks) / blocks)  # tasks below each other
    across = style.width() / (blocks * columns)
    height = HIGH if strips * deep < 3 else HEIGHT
    fig = style.sheet(title, facts, 0.3 + height * strips * deep)
    grid = fig.add_gridspec(strips * deep, blocks * columns)
    for t, task in enumerate(tasks):
        block, strip = divmod(t, strips)
        last = strip == strips - 1 or t == len(tasks) - 1
        first = None
        for f, fm in enumerate(fms):
            row, column = divmod(f, columns)
            place = grid[strip * deep + row, block * columns + column]
            axes = fig.add_subplot(place, sharex=first, sharey=first)
            first = first or axes
            draw(axes, task, fm, across - 0.35)
            lowest = f + columns >= len(fms)
            axes.tick_params(labelbottom=last and lowest, labelleft=column == 0)
            if last and lowest and column == 0:
                style.label_across(axes, x_label, columns)
            if column == 0:
                axes.set_ylabel("Accuracy (%)")
            if strip == 0 or deep > 1:
                axes.set_title(style.broken(fm, across - 0.2), fontweight="bold")
            if column == columns - 1 or f == len(fms) - 1:
                style.row_title(axes, style.broken(task, height - 0.25))
        style.percent_axis(first)
    return fig
