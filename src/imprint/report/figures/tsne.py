"""Embeddings of one task in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.looks import class_colours, legend_line, numbered_look
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import figure_width, small_size
from imprint.report.drawing.text import add_halo, shorten, text_width
from imprint.report.figures.registry import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Embeddings in the plane (t-SNE)"
LABELS = 60  # islands of one class and origin that are named; more would cover the dots


@figure("tsne", title=TITLE, category="One task", table="tsne")
def tsne(points: pd.DataFrame, description: Mapping[str, Any], images: object = None) -> Figure:
    """A panel coloured by class, with names on the islands; with several datasets also one coloured by these."""
    datasets = list(dict.fromkeys(points["dataset"]))
    panels = 2 if len(datasets) > 1 else 1
    inches = min(figure_width() / panels, 3.4) - 0.1
    samples = f"n = {description['shown']:,} of {description['samples']:,} test samples"
    subtitle = (
        f"{description['fm']} on {description['task']}; {samples}\n"
        f"l2-normalised embeddings, perplexity {description['perplexity']}; axes have no unit"
    )
    spans = np.ptp(points[["x", "y"]].to_numpy(), axis=0)
    height = inches * np.clip(spans[1] / max(spans[0], 1e-9), 0.6, 1.1)
    fig = sheet(TITLE, subtitle, height + (0.25 if panels > 1 else 0.1))
    grid = fig.subplots(1, panels, squeeze=False)[0]
    _by_class(grid[0], points, inches)
    if panels > 1:
        grid[0].set_title("by class", fontweight="bold")
        grid[1].set_title("by dataset", fontweight="bold")
        for i, dataset in enumerate(datasets):
            look = numbered_look(i)
            _dots(grid[1], points[points["dataset"] == dataset], look.colour, str(look.marker))
        looks = [numbered_look(i).line(linestyle="") for i in range(len(datasets))]
        lines = [legend_line(name, **look) for name, look in zip(datasets, looks, strict=True)]
        legend_below(fig, lines)
    for axes in grid:
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set_visible(True)
    return fig


def _dots(axes: Axes, points: pd.DataFrame, colour: Any, marker: str) -> None:
    style = {"color": colour, "markersize": 2.2, "markeredgewidth": 0, "alpha": 0.75}
    axes.plot(points["x"], points["y"], marker, **style)


def _by_class(axes: Axes, points: pd.DataFrame, inches: float) -> None:
    labels = np.unique(points["label"])
    for label, colour in zip(labels, class_colours(len(labels)), strict=True):
        _dots(axes, points[points["label"] == label], colour, "o")
    groups = [island for _, island in points.groupby(["label", "original"])]
    islands = sorted(groups, key=len, reverse=True)
    span = max(np.ptp(points["x"]), np.ptp(points["y"]), 1e-9)
    height = 1.2 * small_size() / 72 * span / inches
    taken: list[tuple[float, float, float]] = []  # middle and half width of names, and their y
    named = set()
    for island in islands[:LABELS]:
        text = shorten(str(island["name"].iloc[0]), 0.7, small_size())
        x, y = _middle(island[["x", "y"]].to_numpy())
        half = text_width(text, small_size(), "bold") / 2 * span / inches
        covered = any(abs(x - a) < half + b and abs(y - c) < height for a, b, c in taken)
        if covered and text in named:
            continue
        taken.append((x, half, y))
        named.add(text)
        name = axes.annotate(
            text,
            (x, y),
            (0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=small_size(),
            fontweight="bold",
        )
        add_halo(name)
    longest = max(half for _, half, _ in taken) / span
    axes.margins(x=max(longest, 0.05), y=0.1)


def _middle(points: np.ndarray) -> np.ndarray:
    """The point with most of the others near."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    return points[np.median(distances, axis=1).argmin()]
