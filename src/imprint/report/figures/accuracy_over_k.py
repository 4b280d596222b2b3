"""Accuracy against the number of proxies per class, task by task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imprint.analysis.gens import gens_without_k
from imprint.analysis.matrices import fullest, with_few_shots
from imprint.analysis.natural_order import natural_order
from imprint.analysis.selection import means_over_k, sizes
from imprint.report.drawing.axes import k_axis_with_marks
from imprint.report.drawing.looks import gen_look
from imprint.report.drawing.marks import draw_marks, legend_entries, marks_of
from imprint.report.drawing.panels import by_task, room_for, shown_columns
from imprint.report.drawing.sheet import legend_below
from imprint.report.drawing.style import GREY
from imprint.report.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Accuracy over the number of proxies"
NARROWEST = 0.72  # inches of a panel without marks
PITCH = 0.075  # inches from one mark to the next
# style of the interval of an accuracy, from the number of test samples
INTERVAL: dict[str, Any] = {"color": GREY, "linewidth": 0.8}
CAPS: dict[str, Any] = {"marker": "_", "markersize": 4, "markeredgewidth": 0.8}


@figure("accuracy_over_k", title=TITLE, category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row of panels per task, a column per FM and NORM, a line per GEN; GENs without a choice of k are marks at the right.

    Right of the marks is the interval of the highest accuracy, from the number of test samples.

    Tasks of a "d in 1" family are in `accuracy_over_k_by_d` instead, unless there are no others.
    """
    import pandas as pd

    plain = scores[scores["d"].isna()]
    rows = fullest(plain if len(plain) else scores)
    columns = shown_columns(rows)
    tables = {norm: means_over_k(of_norm) for norm, of_norm in columns.of_norms.items()}
    all_norms = pd.concat(list(tables.values()))
    without_k = gens_without_k(all_norms)
    lines = all_norms[~all_norms["gen"].isin(without_k)]
    if lines.empty:
        raise NothingToShow(
            "No GEN with a choice of k, such as kmeans, in this experiment. Add one with several k."
        )
    ks = sorted(lines["k"].dropna().astype(int).unique()) or [1]
    tasks, marks = natural_order(lines["task"]), marks_of(all_norms, without_k, columns.text)
    intervals = bool(lines["k"].notna().any())
    beside = len(marks) + intervals
    narrowest = NARROWEST + PITCH * beside

    def draw(axes: Axes, task: int, column: int, inches: float) -> None:
        fm, norm = columns.pairs[column]
        table = tables[norm]
        cell = table[(table["task"] == tasks[task]) & (table["fm"] == fm)]
        places = k_axis_with_marks(axes, ks, inches, beside, PITCH)
        of_lines = cell[~cell["gen"].isin(without_k)].dropna(subset="k")
        _lines(axes, of_lines)
        draw_marks(axes, cell, marks, places[: len(marks)], "mean")
        if intervals:
            _interval(axes, of_lines, places[-1])

    subtitle = f"{columns.text}{with_few_shots(rows)}\nMean, band or bar from lowest to highest; n = {sizes(rows)}"
    right = []
    if marks:
        right.append("marks, in the order of the legend")
    if intervals:
        right.append(
            "with caps, the 95% interval of the highest point of the lines, from the number of test samples"
        )
    if right:
        subtitle += f"\nRight of the dotted line: {'; last, '.join(right)}"
    with room_for(len(tasks), len(columns.pairs), narrowest):
        x_label = "Proxies per class, k"
        fig = by_task(TITLE, subtitle, tasks, columns.names, x_label, draw, narrowest)
        gens = [gen for gen in columns.gens if gen in set(lines["gen"])]
        legend_below(fig, *legend_entries(gens, marks))
    return fig


def _lines(axes: Axes, cell: pd.DataFrame) -> None:
    for gen, rows in cell.groupby("gen"):
        line = rows.sort_values("k")
        k = line["k"].to_numpy(int)
        gen_look(str(gen)).draw(axes, k, line["mean"], line["low"], line["high"])


def _interval(axes: Axes, cell: pd.DataFrame, x: float) -> None:
    """Draw the interval of the highest accuracy of all lines."""
    if len(cell):
        best = cell.iloc[cell["mean"].to_numpy().argmax()]
        axes.plot([x, x], [best["below"], best["above"]], **INTERVAL | CAPS, clip_on=False)
