"""The critical-difference diagram: methods at their mean ranks, and bars that join what does not differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imprint.analysis.ranking import ALPHA, ComparedMethods
from imprint.report.drawing.sheet import layout, sheet
from imprint.report.drawing.style import INK, figure_width, small_size
from imprint.report.drawing.text import text_width

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LANE = 0.09  # inches from one bar to the next


def rank_diagram(title: str, result: ComparedMethods, *subtitle: str) -> Figure:
    """A row per method, the best mean rank on top; a bar beside the rows joins methods that do not differ.

    Parameters
    ----------
    title : str
        Title of the figure.
    result : ComparedMethods
        What is compared.
    *subtitle : str
        Lines of the subtitle before those on the tests.

    References
    ----------
    Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006, figure 1; here turned so
    that any number of names has room in a column.
    """
    from matplotlib.ticker import MaxNLocator

    methods = result.summary["mean_rank"]
    order = list(methods.index)
    names = [f"{name} ({rank:.2f})" for name, rank in methods.items()]
    lanes = bar_lanes(order, result.cliques)
    side = LANE * (max(lanes, default=0) + 1)
    left = max(text_width(name, small_size()) for name in names)
    pitch = 1.5 * small_size() / 72
    lines = (*subtitle, _meaning_of_bars(result), _verdict(result))
    figure = sheet(title, "\n".join(lines), 0.4 + pitch * len(methods))
    layout(figure).set(wspace=0)
    axes, bars = figure.subplots(
        1, 2, sharey=True, width_ratios=[figure_width() - left - side - 0.3, side]
    )
    rows = np.arange(len(methods))
    axes.plot(methods, rows, "o", color=INK, markersize=4, clip_on=False)
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlim(*_limits(methods))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("Mean rank (1 = best)")
    for clique, lane in zip(result.cliques, lanes, strict=True):
        ends = [order.index(clique[0]) - 0.25, order.index(clique[-1]) + 0.25]
        bars.plot([lane, lane], ends, color=INK, linewidth=3, solid_capstyle="butt")
    bars.set_xlim(-0.5, side / LANE - 0.5)
    bars.grid(axis="x", visible=False)
    bars.tick_params(length=0, labelbottom=False, labelleft=False)
    bars.spines[:].set_visible(False)
    return figure


def bar_lanes(order: list[str], cliques: tuple[tuple[str, ...], ...]) -> list[int]:
    """A lane for each bar, so that bars which overlap stand beside each other.

    Parameters
    ----------
    order : list of str
        The methods from the best to the worst.
    cliques : tuple of tuples of str
        The methods that each bar joins, in that order.
    """
    lanes: list[int] = []
    ends: list[int] = []  # the last row of each lane
    for clique in cliques:
        start, end = order.index(clique[0]), order.index(clique[-1])
        lane = next((i for i, last in enumerate(ends) if last < start), len(ends))
        ends[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes


def _limits(ranks: pd.Series) -> tuple[float, float]:
    """Integers around the ranks, so that even one rank has a width."""
    low, high = np.floor(ranks.min()), np.ceil(ranks.max())
    high = max(high, low + 1)
    return low - 0.03 * (high - low), high


def _meaning_of_bars(result: ComparedMethods) -> str:
    if result.friedman is not None and result.friedman.p >= ALPHA:
        return f"One bar joins all methods: Friedman's test finds no difference between them at p < {ALPHA:g}."
    text = f"Bars join what is not shown to differ at p < {ALPHA:g} (Wilcoxon signed-rank, Holm)"
    return f"{text}." if result.cliques else f"{text}: there are none, all pairs differ."


def _verdict(result: ComparedMethods) -> str:
    text = f"{result.rows} (FM, task)."
    test = result.friedman
    if test is not None:
        chi2 = "\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO}"
        numbers = f"{chi2} = {test.statistic:.2f}, p = {test.p:.2g}, Kendall's W = {test.w:.2f}"
        text = f"Friedman: {numbers}; {text}"
    return " ".join([text, *result.notes])
