"""Accuracies of the named methods beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.components import gen_and_k
from imprint.analysis.selection import rule
from imprint.report.drawing.looks import COLOURS
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import GREY, INK, small_size
from imprint.report.figures.comparisons import compared_presets
from imprint.report.figures.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Named methods: accuracy"


@figure("published_methods", title=TITLE, category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row per method, the best mean rank on top: a dot per FM and task, a stroke at their mean, numbers beside."""
    result = compared_presets(scores, presets)
    methods = list(result.summary.index)
    percent = 100 * result.accuracies
    by_label = {preset["label"]: preset for preset in presets.values()}

    fms = result.accuracies.index.get_level_values("fm").unique()
    pairs = f"{result.rows} (FM, task)"
    if len(fms) == 1:
        pairs = f"{result.rows} task{'s' * (result.rows > 1)} with {fms[0]}"
    subtitle = (
        f"Dots: {pairs}, medians over seeds and draws.\n"
        "Stroke: their mean. Below each name: NORMpre | GEN | NORMpost | NORMinf | AGG."
    )
    pitch = 0.24 + 2.5 * small_size() / 72
    fig = sheet(TITLE, subtitle, 0.4 + pitch * len(methods))
    axes = fig.subplots()
    # spread by the golden ratio: even, and the same for an FM and task in every row
    offsets = 0.28 * (np.arange(len(percent)) * 0.618034 % 1 - 0.5)
    dots: dict[str, Any] = {
        "color": COLOURS[0],
        "markersize": 3,
        "markeredgewidth": 0,
        "alpha": 0.6,
    }
    stroke: dict[str, Any] = {"color": INK, "linewidth": 2, "solid_capstyle": "butt"}
    for y, method in enumerate(methods):
        axes.plot(percent[method], y + offsets, "o", **dots)
        axes.plot([percent[method].mean()] * 2, [y - 0.18, y + 0.22], **stroke)
        axes.annotate(
            f"{method}\n{_choices(by_label[method])}",
            (0, y - 0.72),
            (2, -1.5),
            axes.get_yaxis_transform(),
            "offset points",
            va="top",
            fontsize=small_size(),
        )
        axes.axhline(y + 0.28, color=GREY, linewidth=0.4)
    axes.set_yticks([])
    axes.set_ylim(len(methods) - 0.72, -0.72)
    axes.set_xlabel("Accuracy (%)")
    numbers = axes.secondary_yaxis("right")
    numbers.set_yticks(range(len(methods)), [_numbers(row) for row in result.summary.itertuples()])
    numbers.yaxis.set_tick_params(length=0)
    numbers.spines["right"].set_visible(False)
    return fig


def _choices(preset: Mapping[str, Any]) -> str:
    norms = preset["norm_post"], preset["norm_inf"]
    return " | ".join((preset["norm_pre"], gen_and_k(preset), *norms, rule(preset)))


def _numbers(row: Any) -> str:
    return f"mean rank {row.mean_rank:.2f}\n{100 * row.mean:.2f} \N{PLUS-MINUS SIGN} {100 * row.std:.2f} SD"
