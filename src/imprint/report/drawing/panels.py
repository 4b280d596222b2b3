"""Panels of many tasks and FMs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from imprint.analysis.selection import natural_order
from imprint.report.drawing.axes import label_across, percent_axis, row_title
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import figure_width, panels_across
from imprint.report.drawing.text import break_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROWEST = 0.8  # inches of a panel and what is beside it
HEIGHT, HIGH = 0.9, 1.4  # inches of a panel, and where there are few below each other


def by_task(
    title: str,
    subtitle: str,
    tasks: Sequence[str],
    fms: Sequence[str],
    x_label: str,
    draw: Callable[[Axes, str, str, float], None],
) -> Figure:
    """A figure of accuracies (%) with a row of panels per task and a column per FM.

    The panels of a task share one accuracy axis. Tasks stand in two blocks beside each other if they fit; FMs that
    do not fit beside each other continue below.

    Parameters
    ----------
    title, subtitle : str
        See `imprint.report.drawing.sheet.sheet`.
    tasks, fms : sequences of str
        Names of rows and columns.
    x_label : str
        Name of the x axis.
    draw : callable
        `draw(axes, task, fm, inches)` draws one panel and its x axis, so many inches wide.
    """
    columns = panels_across(NARROWEST, len(fms))
    deep = ceil(len(fms) / columns)  # rows of panels of one task
    blocks = 1
    if len(tasks) > 3 and deep == 1:
        blocks = panels_across(max(columns * NARROWEST, 3.2), 2)
    strips = ceil(len(tasks) / blocks)  # tasks below each other
    across = figure_width() / (blocks * columns)
    height = HIGH if strips * deep < 3 else HEIGHT
    figure = sheet(title, subtitle, 0.3 + height * strips * deep)
    grid = figure.add_gridspec(strips * deep, blocks * columns)
    for t, task in enumerate(tasks):
        block, strip = divmod(t, strips)
        last_task = strip == strips - 1 or t == len(tasks) - 1
        first: Axes | None = None
        for f, fm in enumerate(fms):
            row, column = divmod(f, columns)
            spot = grid[strip * deep + row, block * columns + column]
            axes = figure.add_subplot(spot, sharex=first, sharey=first)
            first = first or axes
            draw(axes, task, fm, across - 0.35)
            lowest = last_task and f + columns >= len(fms)
            axes.tick_params(labelbottom=lowest, labelleft=column == 0)
            if lowest and column == 0:
                label_across(axes, x_label, columns)
            if column == 0:
                axes.set_ylabel("Accuracy (%)")
            if strip == 0 or deep > 1:
                axes.set_title(break_name(fm, across - 0.2), fontweight="bold")
            if column == columns - 1 or f == len(fms) - 1:
                row_title(axes, break_name(task, height - 0.25))
        if first is not None:
            percent_axis(first)
    return figure


def family_panels(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Family, FM and title of each panel of a figure of "d in 1" families."""
    families, fms = natural_order(table["family"]), natural_order(table["fm"])
    return [
        (family, fm, f"{fm}, {family}" if len(families) > 1 else fm)
        for family in families
        for fm in fms
    ]
