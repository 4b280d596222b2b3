"""Accuracies of the named methods beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.components import gen_and_k
from imprint.analysis.selection import rule
from imprint.report.drawing.looks import COLOURS, MARKERS, legend_line
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import GREY, INK, small_size
from imprint.report.figures.comparisons import compared_presets
from imprint.report.figures.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Named methods: accuracy"


@figure("published_methods", title=TITLE, category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row per method, the best mean rank on top: dots joined from row to row, a stroke at their mean, numbers beside."""
    result = compared_presets(scores, presets)
    methods = list(result.summary.index)
    percent = 100 * result.accuracies.sort_index()
    by_label = {preset["label"]: preset for preset in presets.values()}
    names = percent.index.get_level_values("fm")
    fms = list(names.unique())

    pairs = f"{result.rows} pairs of FM and task"
    if len(fms) == 1:
        pairs = f"{result.rows} task{'s' * (result.rows > 1)} with {fms[0]}"
    subtitle = (
        f"Lines: {pairs}, medians over seeds and draws.\n"
        "Stroke: mean. Below a name: NORMpre | GEN | NORMpost | NORMinf | AGG."
    )
    pitch = 0.24 + 2.5 * small_size() / 72
    fig = sheet(TITLE, subtitle, 0.4 + pitch * len(methods))
    axes = fig.subplots()
    rows = np.arange(len(methods))
    # dots of an FM and task stand at one height of every row
    heights = np.linspace(-0.15, 0.15, len(percent)) if len(percent) > 1 else np.zeros(1)
    dots: dict[str, Any] = {"markersize": 3, "markeredgewidth": 0, "linestyle": "", "zorder": 3}
    stroke: dict[str, Any] = {"color": INK, "linewidth": 2, "solid_capstyle": "butt", "zorder": 4}
    for values, fm, height in zip(percent.to_numpy(), names, heights, strict=True):
        axes.plot(values, rows + height, color=GREY, linewidth=0.35, zorder=2)
        axes.plot(values, rows + height, alpha=0.75, **_of_fm(fms.index(fm)), **dots)
    for y, method in enumerate(methods):
        axes.plot([percent[method].mean()] * 2, [y - 0.2, y + 0.2], **stroke)
        axes.annotate(
            f"{method}\n{_choices(by_label[method])}",
            (0, y - 0.72),
            (2, -1.5),
            axes.get_yaxis_transform(),
            "offset points",
            va="top",
            fontsize=small_size(),
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
            zorder=5,
        )
        axes.axhline(y + 0.28, color=GREY, linewidth=0.4)
    axes.set_yticks([])
    axes.set_ylim(len(methods) - 0.72, -0.72)
    axes.set_xlabel("Accuracy (%)")
    numbers = axes.secondary_yaxis("right")
    numbers.set_yticks(range(len(methods)), [_numbers(row) for row in result.summary.itertuples()])
    numbers.yaxis.set_tick_params(length=0)
    numbers.spines["right"].set_visible(False)
    if len(fms) > 1:
        legend_below(fig, [legend_line(fm, **_of_fm(i), **dots) for i, fm in enumerate(fms)])
    return fig


def _of_fm(number: int) -> dict[str, Any]:
    """Colour and shape of the dots of an FM, counted from 0."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def _choices(preset: Mapping[str, Any]) -> str:
    norms = preset["norm_post"], preset["norm_inf"]
    return " | ".join((preset["norm_pre"], gen_and_k(preset), *norms, rule(preset)))


def _numbers(row: Any) -> str:
    return f"mean rank {row.mean_rank:.2f}\n{100 * row.mean:.2f} \N{PLUS-MINUS SIGN} {100 * row.std:.2f} SD"
