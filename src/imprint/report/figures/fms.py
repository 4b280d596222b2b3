"""FMs ranked by accuracy, with their size and speed."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.fms import ComparedFMs, compare_fms, speed_conditions
from imprint.analysis.splits import nc1_note
from imprint.formatting import count
from imprint.report.drawing.axes import LOG_FROM
from imprint.report.drawing.looks import COLOURS
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import INK, figure_width, panels_across, small_size
from imprint.report.drawing.text import shorten
from imprint.report.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "FMs compared"
PANEL = 1.6  # inches of the narrowest panel of one quantity
HIGH, LOW = 0.27, 0.17  # inches of a row of accuracies, and of one quantity
AXIS = 0.42  # inches below a panel
HOLLOW: dict[str, Any] = {"markerfacecolor": "none", "markersize": 4.5, "markeredgewidth": 0.9}
NAME = 0.3  # largest share of the width for the name of an FM


@figure("fms", title=TITLE, category="FMs", needs_fms=True)
def compared_fms(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets, fms: pd.DataFrame
) -> Figure:
    """A row per FM, the best mean rank on top: a dot per task; below, a panel for each known quantity."""
    result = compare_fms(scores, collapse, presets)
    if len(result.summary) < 2:
        raise NothingToShow("Fewer than two FMs in this experiment. Add others to its `fms`.")
    if result.accuracies.empty:
        raise NothingToShow(f"{result.notes[0]} Add what is missing: all FMs on the same tasks.")
    order = list(result.accuracies.columns)
    facts = fms.set_index(fms["fm"].astype(str)).reindex(order)
    quantities = _quantities(result, facts)
    columns = panels_across(PANEL, len(quantities))
    rows = ceil(len(quantities) / columns)
    heights = [AXIS + HIGH * len(order), *[AXIS + LOW * len(order)] * rows]
    remarks = [" ".join([*result.notes, *speed_conditions(facts)])]
    fig = sheet(TITLE, "\n".join([_subtitle(result), *remarks, *nc1_note(collapse)]), sum(heights))
    grid = fig.add_gridspec(1 + rows, columns, height_ratios=heights)
    _accuracies(fig.add_subplot(grid[0, :]), result)
    for i, (label, values) in enumerate(quantities.items()):
        row, column = divmod(i, columns)
        axes = fig.add_subplot(grid[1 + row, column])
        names = [_short(fm) for fm in order] if column == 0 else [""] * len(order)
        _panel(axes, label, values.to_numpy(float), names)
    return fig


def _subtitle(result: ComparedFMs) -> str:
    of_task = "the one configuration"
    if result.configurations > 1:
        of_task = f"mean over the {result.configurations} configurations"
    return (
        f"Dot: a task, {of_task} that all FMs ran (medians over seeds and draws). Stroke, and number at the "
        f"right: mean over {count(len(result.accuracies), 'task')}. In brackets: mean rank over tasks (1 = best). "
        f"Diamond: mean of the best configuration, chosen for each FM on {result.chosen_on}."
    )


def _quantities(result: ComparedFMs, fms: pd.DataFrame) -> dict[str, pd.Series]:
    """By label, the quantities that are known for at least one FM: a number for each."""
    quantities = {
        "NC1 (0 = collapsed)": result.summary["nc1"],
        "Embedding size": fms["dimensions"].astype(float),
        "Parameters (millions)": fms["parameters"].astype(float) / 1e6,
        "Images a second": fms["images_per_second"],
    }
    return {label: values for label, values in quantities.items() if values.notna().any()}


def _accuracies(axes: Axes, result: ComparedFMs) -> None:
    percent = 100 * result.accuracies
    # spread by the golden ratio: even, and the same for a task in every row
    offsets = 0.4 * (np.arange(len(percent)) * 0.618034 % 1 - 0.5)
    for y, (fm, row) in enumerate(result.summary.iterrows()):
        axes.plot(percent[fm], y + offsets, "o", color=COLOURS[0], markeredgewidth=0, alpha=0.6)
        axes.plot([100 * row["mean"]] * 2, [y - 0.35, y + 0.35], color=INK, linewidth=2)
        axes.plot(100 * row["best"], y, "D", color=INK, **HOLLOW)
    names = [f"{_short(fm)} ({rank:.2f})" for fm, rank in result.summary["mean_rank"].items()]
    _rows(axes, names, [f"{100 * mean:.1f}" for mean in result.summary["mean"]])
    axes.set_xlabel("Accuracy (%)")


def _panel(axes: Axes, label: str, values: np.ndarray, names: list[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(values, range(len(values)), "o", color=INK, markersize=4, clip_on=False)
    _rows(axes, names, [_number(value) for value in values])
    axes.set_xlabel(label)
    low, high = np.nanmin(values), np.nanmax(values)
    if low > 0 and high / low >= LOG_FROM:
        _decades(axes, low, high)
    else:
        axes.set_xlim(0, 1.08 * high)
        axes.xaxis.set_major_locator(MaxNLocator(3))


def _decades(axes: Axes, low: float, high: float) -> None:
    """Make the x axis logarithmic between two powers of ten; there is room to label only these."""
    axes.set_xscale("log")
    axes.minorticks_off()
    powers = [10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1)]
    axes.set_xticks(powers, [_number(powers[0]), *[""] * (len(powers) - 2), _number(powers[-1])])
    axes.set_xlim(powers[0], powers[-1])


def _number(value: float) -> str:
    """A whole number, or three digits; a dash if unknown."""
    if np.isnan(value):
        return "\N{EN DASH}"
    return f"{value:,.0f}" if value.is_integer() else f"{float(f'{value:.3g}'):,g}"


def _rows(axes: Axes, names: list[str], numbers: list[str]) -> None:
    """A row per FM from top to bottom, its name at the left and a number at the right."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(names)), numbers)
    right.yaxis.set_tick_params(length=0)
    right.spines["right"].set_visible(False)


def _short(fm: object) -> str:
    """The name of an FM, cut to leave room for the panels."""
    return shorten(str(fm), NAME * figure_width(), small_size())
