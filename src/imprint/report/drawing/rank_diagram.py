"""The critical-difference diagram: methods at their mean ranks, and bars that join methods that do not differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imprint.analysis.hypothesis_tests import ALPHA
from imprint.analysis.ranking import ComparedMethods, pairs_needed
from imprint.formatting import count
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import GREY, INK, figure_width, small_size
from imprint.report.drawing.text import shorten, text_width

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LANE = 0.09  # inches from the last dot to the bar, and from one bar to the next
NARROWEST = 1.35  # inches of the axis and its margins
MOST_NAMED = 3  # most pairs without a bar that are named; with more, only their number is given


def rank_diagram(subject: str, result: ComparedMethods, *subtitle: str) -> Figure:
    """A row per method, the best mean rank on top; a bar beside the dots joins methods that do not differ.

    If there are too few (FM, task) for any test to find a difference, only ranks are shown.

    Parameters
    ----------
    subject : str
        What is ranked, for the title.
    result : ComparedMethods
        The ranking and its tests.
    *subtitle : str
        Lines of the subtitle before those on the tests.

    References
    ----------
    Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006, figure 1; here turned so
    that any number of names fits in a column.
    """
    from matplotlib.ticker import MaxNLocator

    methods = result.summary["mean_rank"]
    order = list(methods.index)
    names = [_name(str(name), rank) for name, rank in methods.items()]
    left = max(text_width(name, small_size()) for name in names)
    pitch = 1.5 * small_size() / 72
    lines = (*subtitle, *_words(result))
    title = f"{subject}: {'critical differences' if _can_differ(result) else 'mean ranks'}"
    figure = sheet(title, "\n".join(lines), 0.4 + pitch * len(methods))
    axes = figure.subplots()
    rows = np.arange(len(methods))
    low, high = _limits(methods)
    joined = result.cliques if _can_differ(result) else ()
    spans = [(order.index(clique[0]), order.index(clique[-1])) for clique in joined]
    ranks_per_inch = (high - low) / (figure_width() - left - 0.3)
    bars = bar_positions(spans, methods.to_numpy(), LANE * ranks_per_inch)
    right = max([high, *bars])
    # bars right of the ranks compress the scale, so that each takes more of it
    step = LANE * ranks_per_inch * (right - low) / (high - low)
    bars = bar_positions(spans, methods.to_numpy(), step)
    for x, (first, last) in zip(bars, spans, strict=True):
        for row in rows[first : last + 1]:
            axes.plot([methods.iloc[row], x], [row, row], color=GREY, linewidth=0.5)
        ends = [first - 0.25, last + 0.25]
        axes.plot([x, x], ends, color=INK, linewidth=2.4, solid_capstyle="butt")
    axes.plot(methods, rows, "o", color=INK, markersize=4, clip_on=False)
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlim(low, max([high, *(x + step / 2 for x in bars)]))
    ticks = MaxNLocator(6, integer=True).tick_values(low, high)
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.set_xlabel("Mean rank (1 = best)")
    return figure


def _name(method: str, rank: float) -> str:
    """A method with its mean rank, short enough to leave room for the axis."""
    of_rank = f" ({rank:.2f})"
    room = figure_width() - NARROWEST - text_width(of_rank, small_size())
    return shorten(method, room, small_size()) + of_rank


def bar_positions(
    spans: Sequence[tuple[int, int]], mean_ranks: np.ndarray, step: float
) -> list[float]:
    """The x of each bar: right of the dots that it joins and of the earlier bars that it would touch.

    Parameters
    ----------
    spans : sequence of (int, int)
        First and last row of each bar, in the order of the rows.
    mean_ranks : ndarray of shape (n,)
        Mean rank of each row, in ascending order.
    step : float
        Width that is reserved for a bar.
    """
    positions: list[float] = []
    for first, last in spans:
        # earlier bars that share a row
        beside = [x for x, (_, end) in zip(positions, spans, strict=False) if end >= first]
        positions.append(max([mean_ranks[last] + step, *(x + step for x in beside)]))
    return positions


def _limits(ranks: pd.Series) -> tuple[float, float]:
    """Integers around the ranks, so that even a single rank gets a range."""
    low, high = np.floor(ranks.min()), np.ceil(ranks.max())
    high = max(high, low + 1)
    return low - 0.03 * (high - low), high


def _can_differ(result: ComparedMethods) -> bool:
    """Whether there are enough (FM, task) for a test to tell any two of the methods apart."""
    return result.rows >= pairs_needed(len(result.summary))


def _words(result: ComparedMethods) -> Iterator[str]:
    """Lines on the tests and what was left out."""
    if not _can_differ(result):
        others = [note for note in result.notes if note not in result.limits]
        yield " ".join([*result.limits, "Ranks only.", *others])
    else:
        yield _meaning_of_bars(result)
        yield " ".join([_verdict(result), *result.notes])


def _meaning_of_bars(result: ComparedMethods) -> str:
    if result.friedman is not None and result.friedman.p >= ALPHA:
        return f"One bar joins all methods: Friedman's test finds no difference between them at p < {ALPHA:g}."
    text = f"Bars join methods that are not shown to differ at p < {ALPHA:g} (Wilcoxon signed-rank, Holm)"
    if apart := _alike_without_bar(result):
        pairs = count(len(apart), "pair")
        named = f": {'; '.join(apart)}" if len(apart) <= MOST_NAMED else ""
        return f"{text}, except {pairs}, as a method between the two in rank differs{named}."
    return f"{text}." if result.cliques else f"{text}: there are none, all pairs differ."


def _alike_without_bar(result: ComparedMethods) -> list[str]:
    """Pairs that are not shown to differ but that no bar joins, as a method between them in rank differs."""
    joined = [set(clique) for clique in result.cliques]
    return [
        f"{pair.first} and {pair.second}"
        for pair in result.pairwise
        if pair.p_holm >= ALPHA and not any({pair.first, pair.second} <= bar for bar in joined)
    ]


def _verdict(result: ComparedMethods) -> str:
    text = f"{result.rows} (FM, task), each counted as independent of the others."
    test = result.friedman
    if test is None:
        return text
    chi2 = "\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO}"
    numbers = f"{chi2} = {test.statistic:.2f}, p = {test.p:.2g}, Kendall's W = {test.w:.2f}"
    return f"Friedman: {numbers}; {text}"
