"""Methods beside each other: accuracies of the published ones, and critical-difference diagrams of ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.plots import style
from imprint.plots.components import best_of_others, gen_and_k
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import rule
from imprint.statistics import ALPHA, Comparison, accuracy_matrix, compare

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

LANE = 0.09  # inches from one bar to the next


def _compared(matrix: pd.DataFrame, what: str, add: str) -> Comparison:
    result = compare(matrix)
    if len(result.summary) < 2:
        raise NothingToShow(f"Fewer than two {what} have results in this experiment. {add}")
    if not result.rows:
        raise NothingToShow(
            f"The {what} share no FM and task. Add what is missing: all of them on the same ones."
        )
    return result


def _published(scores: pd.DataFrame, presets: Presets) -> Comparison:
    matrix = accuracy_matrix(scores, {preset["label"]: preset for preset in presets.values()})
    return _compared(matrix, "published methods", "Add them to its methods.")


@figure("published_methods", title="Published methods: accuracy", category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row per method, best mean rank on top: a dot per FM and task, a stroke at their mean, the numbers beside."""
    result = _published(scores, presets)
    methods = list(result.summary.index)
    cells = 100 * result.accuracies
    of_label = {preset["label"]: preset for preset in presets.values()}

    facts = (
        f"Dots: {result.rows} (FM, task), medians over seeds and draws. Stroke: their mean.\n"
        "Below each name: NORMpre | GEN | NORMpost | NORMinf | AGG."
    )
    pitch = 0.24 + 2.5 * style.small() / 72
    fig = style.sheet("Published methods: accuracy", facts, 0.4 + pitch * len(methods))
    axes = fig.subplots()
    # spread by the golden ratio: even, and the same for a given FM and task in every row
    spread = 0.28 * (np.arange(len(cells)) * 0.618034 % 1 - 0.5)
    for y, method in enumerate(methods):
        axes.plot(
            cells[method], y + spread, "o", color=style.COLOURS[0], markersize=3, markeredgewidth=0, alpha=0.6
        )
        axes.plot([cells[method].mean()] * 2, [y - 0.2, y + 0.2], color=style.INK, linewidth=2)
        axes.annotate(
            f"{method}\n{_configuration(of_label[method])}",
            (0, y - 0.72),
            (2, -1.5),
            axes.get_yaxis_transform(),
            "offset points",
            va="top",
            fontsize=style.small(),
        )
        axes.axhline(y + 0.28, color=style.GREY, linewidth=0.4)
    axes.set_yticks([])
    axes.set_ylim(len(methods) - 0.72, -0.72)
    axes.set_xlabel("Accuracy (%)")
    numbers = axes.secondary_yaxis("right")
    numbers.set_yticks(range(len(methods)), [_numbers(row) for row in result.summary.itertuples()])
    numbers.yaxis.set_tick_params(length=0)
    numbers.spines["right"].set_visible(False)
    return fig


def _configuration(preset: Mapping[str, Any]) -> str:
    norms = preset["norm_post"], preset["norm_inf"]
    return " | ".join((preset["norm_pre"], gen_and_k(preset), *norms, rule(preset)))


def _numbers(row: Any) -> str:
    return f"mean rank {row.mean_rank:.2f}\n{100 * row.mean:.2f} \N{PLUS-MINUS SIGN} {100 * row.std:.2f} SD"


@figure("critical_difference", title="Published methods: critical differences", category="Methods")
def critical_difference(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Mean ranks of the published methods, those that do not differ joined by a bar."""
    return _diagram("Published methods: critical differences", _published(scores, presets))


@figure("critical_difference_gen", title="GEN: critical differences", category="Components")
def critical_difference_gen(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Mean ranks of GENs, each with the best k, NORM and AGG."""
    return _component(scores, "GEN", "k, NORM and AGG")


@figure("critical_difference_agg", title="AGG: critical differences", category="Components")
def critical_difference_agg(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Mean ranks of AGGs, each with the best GEN, k and NORM."""
    return _component(scores, "AGG", "GEN, k and NORM")


def _component(scores: pd.DataFrame, component: str, others: str) -> Figure:
    result = _compared(
        best_of_others(scores, component).accuracies,
        f"{component}s",
        f"Add more to its `{component.lower()}`.",
    )
    chosen = f"Each (FM, task) with the best of its {others} run, on test data."
    return _diagram(f"{component}: critical differences", result, chosen)


def _diagram(title: str, result: Comparison, *facts: str) -> Figure:
    """A row per method, best mean rank on top; a bar beside the rows joins methods that do not differ.

    The diagram of Demsar 2006 (figure 1), turned so that any number of names has room in a column.
    """
    from matplotlib.ticker import MaxNLocator

    methods = result.summary["mean_rank"]
    order = list(methods.index)
    names = [f"{name} ({rank:.2f})" for name, rank in methods.items()]
    lanes = _lanes(result)
    side = LANE * (max(lanes, default=0) + 1)
    left = max(style.text_width(name, style.small()) for name in names)
    pitch = 1.5 * style.small() / 72
    facts = "\n".join((*facts, _meaning_of_bars(result), _verdict(result)))
    fig = style.sheet(title, facts, 0.4 + pitch * len(methods))
    fig.get_layout_engine().set(wspace=0)
    axes, bars = fig.subplots(1, 2, sharey=True, width_ratios=[style.width() - left - side - 0.3, side])
    rows = np.arange(len(methods))
    axes.plot(methods, rows, "o", color=style.INK, markersize=4, clip_on=False)
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlim(*_limits(methods))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("Mean rank (1 = best)")
    for clique, lane in zip(result.cliques, lanes, strict=True):
        ends = [order.index(clique[0]) - 0.25, order.index(clique[-1]) + 0.25]
        bars.plot([lane, lane], ends, color=style.INK, linewidth=3, solid_capstyle="butt")
    bars.set_xlim(-0.5, side / LANE - 0.5)
    bars.grid(axis="x", visible=False)
    bars.tick_params(length=0, labelbottom=False, labelleft=False)
    bars.spines[:].set_visible(False)
    return fig


def _limits(ranks: pd.Series) -> tuple[float, float]:
    """Whole ranks around those there are, so that even one rank has a width."""
    low, high = np.floor(ranks.min()), np.ceil(ranks.max())
    high = max(high, low + 1)
    return low - 0.03 * (high - low), high


def _lanes(result: Comparison) -> list[int]:
    """A place for each bar, so that bars which overlap stand beside each other."""
    order = list(result.summary.index)
    lanes: list[int] = []
    ends: list[int] = []
    for clique in result.cliques:
        start, end = order.index(clique[0]), order.index(clique[-1])
        lane = next((i for i, last in enumerate(ends) if last < start), len(ends))
        ends[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes


def _meaning_of_bars(result: Comparison) -> str:
    text = f"Bars join what is not shown to differ at p < {ALPHA:g} (Wilcoxon signed-rank, Holm)"
    if result.friedman is not None and result.friedman.p >= ALPHA:
        return (
            f"One bar joins all methods: Friedman's test finds no difference between them at p < {ALPHA:g}."
        )
    return f"{text}." if result.cliques else f"{text}: there are none, all pairs differ."


def _verdict(result: Comparison) -> str:
    text = f"{result.rows} (FM, task)."
    if result.friedman is not None:
        chi2 = "\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO}"
        w = f"Kendall's W = {result.friedman.w:.2f}"
        text = f"Friedman: {chi2} = {result.friedman.statistic:.2f}, p = {result.friedman.p:.2g}, {w}; {text}"
    return " ".join([text, *result.notes])
