"""Accuracy against the number of training samples per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imprint.analysis.gens import gens_without_k, shown_gen
from imprint.analysis.matrices import is_value
from imprint.analysis.natural_order import natural_order
from imprint.analysis.selection import means_over_k, sizes
from imprint.data.shots import ALL_SHOTS
from imprint.report.drawing.axes import k_axis
from imprint.report.drawing.looks import DASHES, Look, gen_look, legend_line, shades
from imprint.report.drawing.marks import Mark, marks_of
from imprint.report.drawing.panels import by_task, room_for, shown_columns
from imprint.report.drawing.sheet import legend_below
from imprint.report.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Few shots: accuracy over samples per class"
NARROWEST = 1.0  # inches of a panel
ASIDE, WIDEST = 0.035, 0.1  # inches from the points of one line to the next, and to the last
NEAR = 0.4  # the most of the distance between two ticks that points of one tick take


@dataclass(frozen=True)
class _Line:
    """One line of every panel: the shown GEN with one k, or a mark, see `imprint.report.drawing.marks`."""

    label: str
    look: Look
    gen: str = ""
    k: int = 0
    mark: Mark | None = None

    def rows(self, cell: pd.DataFrame) -> pd.DataFrame:
        if self.mark is not None:
            return self.mark.rows(cell)
        return cell[is_value(cell["gen"], self.gen) & is_value(cell["k"], self.k)]


@figure("few_shot", title=TITLE, category="Few shots")
def few_shot(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row of panels per task, a column per FM and NORM, a line per k; GENs without a choice of k are further lines.

    Only one GEN with a choice of k is shown, k-means if it was run. Tasks of a "d in 1" family are left out unless there
    are no others.
    """
    import pandas as pd

    plain = scores[scores["d"].isna()]
    rows = plain if len(plain) else scores
    columns = shown_columns(rows)
    all_norms = pd.concat(list(columns.of_norms.values()))
    without_k = gens_without_k(all_norms)
    gen = shown_gen(all_norms.loc[~all_norms["gen"].isin(without_k), "gen"])
    gens = [gen, *without_k]
    tables = {
        norm: means_over_k(of_norm[of_norm["gen"].isin(gens)], "shots").astype({"shots": str})
        for norm, of_norm in columns.of_norms.items()
    }
    table = pd.concat(list(tables.values()))
    if table["shots"].nunique() < 2:
        raise NothingToShow(
            f"Only one number of shots of {', '.join(gens)} in this experiment. Add some, as shots: [1, 5, 20, full]."
        )
    ks = sorted(table.loc[is_value(table["gen"], gen), "k"].dropna().astype(int).unique())
    lines = [_Line(f"k = {k}", look, gen, k) for k, look in shades(ks).items()]
    for mark in marks_of(table, without_k, columns.text):
        label = mark.label.removeprefix(f"{gen}, ")
        lines.append(_Line(label, _look(mark), mark=mark))

    counts = sorted({int(n) for n in table["shots"] if n != ALL_SHOTS})
    # all samples are a step to the right of the most shots, whatever their number
    positions = {str(n): n for n in counts} | {ALL_SHOTS: _beyond(counts)}
    ticks = sorted(positions[n] for n in table["shots"].unique())
    tasks = natural_order(table["task"])

    def draw(axes: Axes, task: int, column: int, inches: float) -> None:
        fm, norm = columns.pairs[column]
        of_norm = tables[norm]
        cell = of_norm[(of_norm["task"] == tasks[task]) & (of_norm["fm"] == fm)]
        k_axis(axes, ticks, inches, {positions[ALL_SHOTS]: ALL_SHOTS})
        limits = axes.get_xlim()
        per_inch = np.log(limits[1] / limits[0]) / inches
        _panel(axes, cell, lines, positions, NEAR * np.diff(np.log(ticks)).min() / per_inch)
        axes.set_xlim(limits)

    values = f"Point: mean of {sizes(rows)}; bar: from the lowest to the highest of them"
    subtitle = f"{columns.text}\n{values}"
    title = f"Proxies per class, k, of {gen}"
    if len(lines) > len(ks):
        title += "; other GENs by name"
    with room_for(len(tasks), len(columns.pairs), NARROWEST):
        x_label = "Samples per class, n"
        fig = by_task(TITLE, subtitle, tasks, columns.names, x_label, draw, NARROWEST)
        legend_below(
            fig, [legend_line(line.label, **line.look.line()) for line in lines], title=title
        )
    return fig


def _look(mark: Mark) -> Look:
    look = gen_look(mark.gen)
    return Look(
        mark.style["color"], mark.style["marker"], DASHES[2] if mark.chooses_k else look.dash
    )


def _beyond(counts: list[int]) -> int:
    """A number one step beyond these on a logarithmic axis; the step is the mean of theirs, or a doubling."""
    if not counts:
        return 1
    step = (counts[-1] / counts[0]) ** (1 / (len(counts) - 1)) if len(counts) > 1 else 2
    return round(counts[-1] * step)


def _panel(
    axes: Axes, cell: pd.DataFrame, lines: Sequence[_Line], positions: dict[str, int], widest: float
) -> None:
    """Draw the lines; the points of one n are beside each other, the last at most `widest` inches from the first."""
    from matplotlib.transforms import ScaledTranslation

    aside = min(ASIDE, min(WIDEST, widest) / max(len(lines) - 1, 1))
    moves = aside * (np.arange(len(lines)) - (len(lines) - 1) / 2)
    for line, inches in zip(lines, moves, strict=True):
        rows = line.rows(cell)
        if rows.empty:
            continue  # matplotlib would place it at the figure's corner, and make room for it
        rows = rows.assign(n=rows["shots"].map(positions)).sort_values("n")
        n, colour = rows["n"], line.look.colour
        means = axes.plot(n, rows["mean"], clip_on=False, **line.look.line())
        bars = axes.vlines(n, rows["low"], rows["high"], color=colour, linewidth=0.8)
        move = ScaledTranslation(inches, 0, axes.figure.dpi_scale_trans)
        for artist in (*means, bars):  # after they have set the limits of the axes
            artist.set_transform(axes.transData + move)
