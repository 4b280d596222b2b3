"""The published methods beside each other: their accuracies, and a critical-difference diagram of their ranks."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.plots import style
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import rule
from imprint.statistics import ALPHA, ONE_K, Comparison, accuracy_matrix, compare

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets


def _compared(scores: pd.DataFrame, presets: Presets) -> tuple[pd.DataFrame, Comparison]:
    matrix = accuracy_matrix(scores, {preset["label"]: preset for preset in presets.values()})
    result = compare(matrix)
    if len(result.summary) < 2:
        raise NothingToShow(
            "Fewer than two published methods have results in this experiment. Add them to its methods."
        )
    if not result.rows:
        raise NothingToShow("The published methods share no FM and task. Run all of them on the same ones.")
    return matrix, result


@figure("published_methods", title="Published methods: accuracy", category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row per method, best mean rank on top: a dot per FM and task, a stroke at their mean, the numbers beside."""
    matrix, result = _compared(scores, presets)
    methods = list(result.summary.index)
    cells = 100 * matrix[methods].dropna()
    of_label = {preset["label"]: preset for preset in presets.values()}

    fig = style.canvas(style.DOUBLE, 0.8 + 0.42 * len(methods))
    fig.suptitle("below each name: NORMpre | GEN | NORMpost | NORMinf | AGG", color=style.GREY)
    axes = fig.subplots()
    # spread by the golden ratio: even, and the same for a given FM and task in every row
    spread = 0.5 * (np.arange(len(cells)) * 0.618034 % 1 - 0.5)
    for y, method in enumerate(methods):
        axes.plot(
            cells[method], y + spread, "o", color=style.COLOURS[0], markersize=3, markeredgewidth=0, alpha=0.6
        )
        axes.plot([cells[method].mean()] * 2, [y - 0.36, y + 0.36], color=style.INK, linewidth=2)
    axes.set_yticks(range(len(methods)), [f"{name}\n{_configuration(of_label[name])}" for name in methods])
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlabel(f"Accuracy (%), a dot for each of {result.rows} (FM, task)")
    axes.grid(axis="y", visible=False)
    numbers = axes.secondary_yaxis("right")
    numbers.set_yticks(range(len(methods)), [_numbers(row) for row in result.summary.itertuples()])
    for axis in (axes.yaxis, numbers.yaxis):
        axis.set_tick_params(length=0)
    numbers.spines["right"].set_visible(False)
    return fig


def _configuration(preset: Mapping[str, Any]) -> str:
    gen = preset["gen"] if preset["gen"] in ONE_K else f"{preset['gen']} k={preset['k']}"
    return " | ".join((preset["norm_pre"], gen, preset["norm_post"], preset["norm_inf"], rule(preset)))


def _numbers(row: Any) -> str:
    return f"mean rank {row.mean_rank:.2f}\n{100 * row.mean:.2f} \N{PLUS-MINUS SIGN} {100 * row.std:.2f} %"


@figure("critical_difference", title="Published methods: critical differences", category="Methods")
def critical_difference(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Mean ranks on a line, best on the left; a bar joins methods that do not differ (Demsar 2006, figure 1)."""
    _, result = _compared(scores, presets)
    ranks = result.summary["mean_rank"]
    words = "\n".join(fill(line, 125) for line in (_meaning_of_bars(result), _verdict(result)))
    levels = _levels(result)
    label_top = -0.5 - 0.32 * (max(levels, default=-1) + 1)
    side = (len(ranks) + 1) // 2
    depth = label_top - 0.55 * (side - 1)
    fig = style.canvas(style.DOUBLE, 0.5 + 0.32 * (1.2 - depth) + 0.14 * (words.count("\n") + 1))
    axes = fig.subplots()
    axes.axis("off")
    _axis(axes, len(ranks))
    for (best, *_, worst), level in zip(result.cliques, levels, strict=True):
        y = -0.35 - 0.32 * level
        axes.plot(
            [ranks[best] - 0.03, ranks[worst] + 0.03],
            [y, y],
            color=style.INK,
            linewidth=3.5,
            solid_capstyle="butt",
        )
    ends = {"left": 0.85, "right": len(ranks) + 0.15}
    for i, (name, rank) in enumerate(ranks.items()):
        place = "left" if i < side else "right"
        y = label_top - 0.55 * (i if i < side else len(ranks) - 1 - i)
        axes.plot([rank, rank, ends[place]], [0, y, y], color=style.GREY, linewidth=0.8)
        axes.plot(rank, 0, "o", color=style.INK, markersize=3.5)
        label = f"{name} ({rank:.2f})"
        axes.annotate(
            label,
            (ends[place], y),
            (-4 if place == "left" else 4, 0),
            textcoords="offset points",
            ha="right" if place == "left" else "left",
            va="center",
        )
    axes.set_ylim(depth - 0.3, 1.2)
    axes.set_xlim(ends["left"], ends["right"])
    fig.supxlabel(words, fontsize=7, color=style.GREY)
    return fig


def _axis(axes: Axes, methods: int) -> None:
    axes.plot([1, methods], [0, 0], color=style.INK, linewidth=0.9)
    for rank in range(1, methods + 1):
        axes.plot([rank, rank], [0, 0.14], color=style.INK, linewidth=0.9)
        if (rank - 1) % ceil(methods / 8) == 0:
            axes.annotate(str(rank), (rank, 0.18), ha="center", va="bottom", fontsize=7)
    axes.annotate("mean rank (1 = best)", ((1 + methods) / 2, 0.68), ha="center", va="bottom")


def _levels(result: Comparison) -> list[int]:
    """A height for each bar, so that bars which overlap do not touch."""
    order = list(result.summary.index)
    levels: list[int] = []
    ends: list[int] = []
    for clique in result.cliques:
        start, end = order.index(clique[0]), order.index(clique[-1])
        level = next((i for i, last in enumerate(ends) if last < start), len(ends))
        ends[level : level + 1] = [end]
        levels.append(level)
    return levels


def _meaning_of_bars(result: Comparison) -> str:
    text = f"Bars join methods that do not differ at p < {ALPHA:g} (Wilcoxon signed-rank, Holm)"
    if result.friedman is not None and result.friedman.p >= ALPHA:
        return (
            f"One bar joins all methods: Friedman's test finds no difference between them at p < {ALPHA:g}."
        )
    return f"{text}." if result.cliques else f"{text}: there are none, all pairs differ."


def _verdict(result: Comparison) -> str:
    text = f"{result.rows} (FM, task)."
    if result.friedman is not None:
        chi2 = "\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO}"
        text = f"Friedman: {chi2} = {result.friedman.statistic:.2f}, p = {result.friedman.p:.2g}, {text}"
    return " ".join([text, *result.notes])
