"""Accuracy against the number of proxies per class when each class is made of d original ones."""

from __future__ import annotations

from collections.abc import Hashable
from math import ceil
from typing import TYPE_CHECKING, Any

from imprint.analysis.gens import gens_without_k, shown_gen
from imprint.analysis.natural_order import natural_order
from imprint.analysis.selection import accuracy_over_k, sizes
from imprint.report.drawing.axes import k_axis, percent_axis, stretched_axis
from imprint.report.drawing.looks import DOTTED_GUIDE, MARKERS, Look, legend_line, shades
from imprint.report.drawing.panels import family_panels, shared_panels
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import INK, figure_width, panels_across
from imprint.report.drawing.text import break_name
from imprint.report.registry import NO_FAMILY, NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Accuracy over k when a class is made of d"
NEAR_100 = 95.0  # above this, lines are close and the axis is stretched
RING: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 7,
    "fillstyle": "none",
    "color": INK,
    "zorder": 4,
    "clip_on": False,
}


@figure("accuracy_over_k_by_d", title=TITLE, category="Proxies per class")
def accuracy_over_k_by_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per FM and "d in 1" family, a line per d, a ring where k = d, for one GEN: k-means if it was run.

    Dotted lines show the FM's other tasks.
    """
    families = scores[scores["d"].notna()]
    if families.empty:
        raise NothingToShow(NO_FAMILY)
    table, configuration = accuracy_over_k(families)
    table = table[~table["gen"].isin(gens_without_k(table))]
    table = table.dropna(subset="k")  # a k that each task chose has no position
    if table.empty:
        raise NothingToShow(
            "The 'd in 1' tasks were run without a GEN that takes several k. Add kmeans."
        )
    gen = shown_gen(table["gen"])
    table = table[table["gen"] == gen].astype({"k": int, "d": int})
    others = _other_tasks(scores[scores["d"].isna()], table, configuration)
    names = natural_order(others["task"])

    panels = family_panels(table)
    looks = shades(sorted(table["d"].unique()))
    ks = sorted({*table["k"], *others["k"]})
    columns = panels_across(1.5, len(panels))
    across, rows = figure_width() / columns, ceil(len(panels) / columns)
    values = f"Mean, band from lowest to highest; n = {sizes(families)}"
    stretched = table["mean"].max() > NEAR_100
    if stretched:
        values += "\nThe accuracy axis is stretched towards 100."
    if names:
        values += "\nDotted: other tasks of the FM, means over seeds"
    fig = sheet(TITLE, f"GEN {gen}; {configuration}\n{values}", 0.3 + 1.5 * rows)
    grid = shared_panels(fig, len(panels), columns, "Proxies per class, k", "Accuracy (%)")
    for axes, (family, fm, title) in zip(grid, panels, strict=True):
        _panel(axes, table[(table["family"] == family) & (table["fm"] == fm)], looks)
        for name, rows_of_task in others[others["fm"] == fm].groupby("task"):
            line = rows_of_task.sort_values("k")
            axes.plot(line["k"], line["mean"], **_dotted(names.index(str(name))))
        axes.set_title(break_name(title, across - 0.3), fontweight="bold")
        k_axis(axes, ks, across - 0.4)
    if stretched:
        stretched_axis(grid[0])
    else:
        percent_axis(grid[0])
    lines = [legend_line(str(d), **look.line()) for d, look in looks.items()]
    lines.append(legend_line("k = d, where run", **RING))
    of_tasks = [legend_line(name, **_dotted(i)) for i, name in enumerate(names)]
    if names:
        title = "Lines: original classes per class, d. Dotted: other tasks"
        legend_below(fig, lines, of_tasks, title=title)
    else:
        legend_below(fig, lines, title="Original classes per class, d")
    return fig


def _other_tasks(scores: pd.DataFrame, table: pd.DataFrame, configuration: str) -> pd.DataFrame:
    """Accuracies over k of tasks without a d, for the FMs, GEN, NORM and AGG of `table` and up to its largest k."""
    others, shown = accuracy_over_k(scores)
    if shown != configuration:
        return others.iloc[:0]
    others = others.dropna(subset="k").astype({"k": int})
    comparable = others["fm"].isin(table["fm"]) & others["gen"].isin(table["gen"])
    return others[comparable & (others["k"] <= table["k"].max())]


def _dotted(number: int) -> dict[str, Any]:
    """The style of the line of a task without a d, counted from 0."""
    marker = MARKERS[number % len(MARKERS)]
    return {**DOTTED_GUIDE, "marker": marker, "fillstyle": "none"}


def _panel(axes: Axes, cell: pd.DataFrame, looks: dict[Hashable, Look]) -> None:
    for d, rows in cell.groupby("d"):
        line = rows.sort_values("k")
        looks[d].draw(axes, line["k"], line["mean"], line["low"], line["high"], alpha=0.1)
        at_d = line[line["k"] == d]
        if len(at_d):
            axes.plot(at_d["k"], at_d["mean"], **RING)
