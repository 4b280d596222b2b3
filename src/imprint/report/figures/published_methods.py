"""How far each named method is behind the best one on each FM and task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.matrices import extent, with_few_shots
from imprint.analysis.natural_order import natural_order
from imprint.analysis.ranking import ComparedMethods, identical
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import INK, applied, figure_width, small_size
from imprint.report.drawing.text import shorten_all, text_width
from imprint.report.figures.comparisons import compared_presets
from imprint.report.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Named methods: behind the best"
MOST_ROWS = 60  # with more, the tasks of an FM share a row
DARK = 0.68  # share of the colour scale from which white words have more contrast than dark ones
LONGEST = 1.1  # inches of the longest name of a task
MOST = 0.5  # part of the width for names that differ in their middle
NARROWEST, WIDEST = 0.21, 0.75  # inches of a cell
BESIDE = 0.4  # inches right of the cells
GAP = 0.03  # inches between the numbers of two cells, at least
BEST = "best of the row (%)"  # name of the numbers there
HEADS = ("mean (%)", "mean rank")  # rows above the cells


@dataclass(frozen=True)
class _Row:
    """A row of accuracies (%) by method, or the heading of an FM, which has no `values`."""

    name: str
    values: np.ndarray | None


@figure("published_methods", title=TITLE, category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A column per method, the best mean rank first, a row per FM and task; cells are points behind the best of the row."""
    result = compared_presets(scores, presets)
    is_too_narrow = figure_width() - _left(result) - BESIDE < NARROWEST * len(result.summary)
    with applied("page") if is_too_narrow else nullcontext():
        return _drawn(result, with_few_shots(scores))


def _left(result: ComparedMethods) -> float:
    """Inches for the names of rows."""
    size = small_size()
    names = [HEADS[0], *_short(_rows(result.accuracies)[0]).values()]
    return max(text_width(name, size, "bold") for name in names) + 0.12


def _short(rows: Iterable[_Row]) -> dict[str, str]:
    """The names of rows, short enough for the figure."""
    return shorten_all((row.name for row in rows), LONGEST, MOST * figure_width(), small_size())


def _drawn(result: ComparedMethods, few_shots: str) -> Figure:
    methods, percent, size = list(result.summary.index), 100 * result.accuracies, small_size()
    rows, of_rows = _rows(percent)
    cell = min(WIDEST, (figure_width() - _left(result) - BESIDE) / len(methods))
    pitch = 1.75 * size / 72
    names = pitch * 0.3 + max(text_width(name, size) for name in (*methods, BEST))
    notes = (*result.gaps, *identical(result.accuracies))
    subtitle = "\n".join(
        [
            f"{extent(percent)}, medians over seeds and draws{of_rows}{few_shots}.",
            "Cells: points of accuracy behind the best method of the row.",
            *([" ".join(notes)] if notes else []),
        ]
    )
    across, down = cell * len(methods), pitch * (len(rows) + len(HEADS))
    fig = sheet(TITLE, subtitle, names + down + 0.1)
    fig.set_layout_engine("none")
    width, height = figure_width(), fig.get_figheight()
    axes = fig.add_axes((_left(result) / width, 0.05 / height, across / width, down / height))
    style: dict[str, Any] = {"fontsize": size, "va": "center"}
    decimals = _cells(axes, rows)
    mean = 100 * result.summary["mean"].to_numpy()
    means = _fitting(mean, _decimals(np.ptp(mean)), cell)
    ranks = _fitting(result.summary["mean_rank"].to_numpy(), 1, cell)
    for y, name, texts in zip((-2, -1), HEADS, (means, ranks), strict=True):
        axes.text(-0.55, y, name, ha="right", fontweight="bold", **style)
        _words(axes, y, texts)
    short = _short(rows)
    for y, row in enumerate(rows):
        weight = "bold" if row.values is None else "normal"
        axes.text(-0.55, y, short[row.name], ha="right", fontweight=weight, **style)
        if row.values is not None:
            axes.text(len(methods) - 0.45, y, f"{row.values.max():.{decimals}f}", **style)
    for x, name in enumerate([*methods, BEST]):
        axes.text(x, -2.6, name, rotation=90, ha="center", va="bottom", fontsize=size)
    axes.set_axis_off()
    axes.set_xlim(-0.5, len(methods) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -2.5)
    return fig


def _rows(percent: pd.DataFrame) -> tuple[list[_Row], str]:
    """The rows from top to bottom, and an addition to the subtitle if they are not single tasks."""
    fm_of, task_of = (percent.index.get_level_values(name).astype(str) for name in ("fm", "task"))
    values = percent.to_numpy()
    fms = natural_order(fm_of)
    if len(percent) > MOST_ROWS:
        means = [_Row(fm, values[fm_of == fm].mean(axis=0)) for fm in fms]
        return means, ", and means over the tasks of an FM"
    rows = []
    for fm in fms:
        rows.append(_Row(fm, None))
        by_task = dict(zip(task_of[fm_of == fm], values[fm_of == fm], strict=True))
        rows += [_Row(task, by_task[task]) for task in natural_order(by_task)]
    return rows[1:] if len(fms) == 1 else rows, ""


def _cells(axes: Axes, rows: list[_Row]) -> int:
    """Draw the cells, dark where a method is far behind, with their numbers; returns the decimals of small ones."""
    from matplotlib.colors import PowerNorm

    width = max(len(row.values) for row in rows if row.values is not None)
    behind = np.full((len(rows), width), np.nan)
    for y, row in enumerate(rows):
        if row.values is not None:
            behind[y] = row.values.max() - row.values
    farthest = np.nanmax(behind)
    norm, decimals = PowerNorm(0.5, 0, max(farthest, 1)), _decimals(farthest)
    axes.imshow(behind, "Blues", norm=norm, aspect="auto", interpolation="nearest")
    for y in range(len(rows)):
        if np.isnan(behind[y]).all():
            continue
        texts = [_points(value, decimals) for value in behind[y]]
        colours = ["white" if norm(value) > DARK else INK for value in behind[y]]
        _words(axes, y, texts, colours)
    return decimals


def _decimals(span: float) -> int:
    """Decimals that tell apart numbers that lie within a span."""
    return 2 if 0 < span < 1 else 1


def _points(value: float, decimals: int) -> str:
    """Points behind the best; only the best has a 0 without decimals."""
    return f"{value:.{0 if round(value, 9) == 0 or value >= 9.95 else decimals}f}"


def _fitting(values: np.ndarray, decimals: int, cell: float) -> list[str]:
    """The numbers with as many decimals, up to `decimals`, as fit beside each other in cells of these inches."""
    texts = [f"{value:.{decimals}f}" for value in values]
    widest = max(text_width(text, small_size()) for text in texts)
    if decimals and widest + GAP > cell:
        return _fitting(values, decimals - 1, cell)
    return texts


def _words(
    axes: Axes, y: float, texts: Sequence[str], colours: Sequence[str] | None = None
) -> None:
    for x, (text, colour) in enumerate(zip(texts, colours or [INK] * len(texts), strict=True)):
        axes.text(x, y, text, ha="center", va="center", fontsize=small_size(), color=colour)
