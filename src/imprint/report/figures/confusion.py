"""The confusion matrix of one cell."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import figure_width, small_size
from imprint.report.drawing.text import NO_BREAK, shorten, text_width
from imprint.report.figures.shown_cell import cell_in_words
from imprint.report.registry import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Confusion matrix"
COUNTED = 15  # most classes for which counts are written
WORST = 4  # confusions named in the subtitle
WIDEST = 5.0  # inches


@figure("confusion", title=TITLE, category="One task", data="predictions")
def confusion(
    predictions: pd.DataFrame, description: Mapping[str, Any], images: object = None
) -> Figure:
    """True against predicted classes, shaded by the share of the true class; the subtitle names what is confused most."""
    import seaborn

    names = [shorten(name, 0.6, small_size()) for name in description["classes"]]
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (predictions["true"].to_numpy(), predictions["predicted"].to_numpy()), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    accuracy = (
        f"Accuracy {100 * description['accuracy']:.2f}%, n = {len(predictions):,} test samples"
    )
    subtitle = f"{cell_in_words(description)}\n{accuracy}{_worst(counts, names)}"
    longest = max(text_width(name, small_size()) for name in names)
    inches = min(figure_width(), WIDEST) - 0.95 - longest  # names and the scale are beside it
    step = ceil(len(names) * 1.3 * small_size() / 72 / inches)  # classes from one name to the next
    upright = longest > inches / len(names) * step - 0.04
    fig = sheet(TITLE, subtitle, inches + 0.35 + (longest if upright else 0.1))
    axes = fig.subplots()
    few = len(names) <= COUNTED
    seaborn.heatmap(
        share,
        ax=axes,
        cmap="Blues",
        vmin=0,
        vmax=1,
        mask=counts == 0,
        annot=counts if few else None,
        fmt="d",
        annot_kws={"size": small_size()},
        xticklabels=names,
        yticklabels=names,
        cbar_kws={"label": "Share of the true class", "shrink": 0.6, "pad": 0.02, "aspect": 25},
        rasterized=not few,
    )
    for axis, rotation in ((axes.xaxis, 90 if upright else 0), (axes.yaxis, 0)):
        axis.set_ticks(np.arange(0, len(names), step) + 0.5, names[::step], rotation=rotation)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.set(xlabel="Predicted class", ylabel="True class")
    return fig


def _worst(counts: np.ndarray, names: list[str]) -> str:
    """The pairs of classes that are confused most often."""
    confused = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    pairs = []
    for i in np.argsort(-confused, axis=None, kind="stable")[:WORST]:
        true, predicted = divmod(int(i), len(counts))
        if confused[true, predicted]:
            pair = f"{names[true]} as {names[predicted]} ({confused[true, predicted]})"
            pairs.append(pair.replace(" ", NO_BREAK))
    if not pairs:
        return ""
    rarest = np.sort(confused, axis=None)[-len(pairs)]
    unnamed = int((confused >= rarest).sum()) - len(pairs)
    more = f" and {unnamed} more with {rarest}" if unnamed else ""
    return f"\nMost often confused: {', '.join(pairs)}{more}"
