"""Embeddings of one task in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.plots import style
from imprint.plots.registry import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Embeddings in the plane (t-SNE)"
LABELS = 60  # islands of one class and origin that are named; more would be a carpet of words


@figure("tsne", title=TITLE, category="One task", data="tsne")
def tsne(points: pd.DataFrame, about: Mapping[str, Any], images: None = None) -> Figure:
    """One panel coloured by class, with names on the islands, and where there are several datasets one coloured by these.

    points, about: see `imprint.grid.tsne`; about also has fm and task.
    """
    datasets = list(dict.fromkeys(points["dataset"]))
    panels = 2 if len(datasets) > 1 else 1
    inches = min(style.width() / panels, 3.4) - 0.1
    facts = (
        f"{about['fm']} on {about['task']}; n = {about['shown']:,} of {about['samples']:,} test samples\n"
        f"l2-normalised embeddings, perplexity {about['perplexity']}; axes have no unit"
    )
    spans = np.ptp(points[["x", "y"]].to_numpy(), axis=0)
    height = inches * np.clip(spans[1] / max(spans[0], 1e-9), 0.6, 1.1)
    fig = style.sheet(TITLE, facts, height + (0.25 if panels > 1 else 0.1))
    grid = fig.subplots(1, panels, squeeze=False)[0]
    _by_class(grid[0], points, inches)
    if panels > 1:
        grid[0].set_title("by class", fontweight="bold")
        grid[1].set_title("by dataset", fontweight="bold")
        _by_dataset(grid[1], points, datasets)
        style.legend_below(fig, _handles(datasets))
    for axes in grid:
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set_visible(True)
    return fig


def _dots(axes: Axes, own: pd.DataFrame, colour: Any, marker: str) -> None:
    axes.plot(own["x"], own["y"], marker, color=colour, markersize=2.2, markeredgewidth=0, alpha=0.75)


def _by_class(axes: Axes, points: pd.DataFrame, inches: float) -> None:
    labels = np.unique(points["label"])
    colours = style.many_colours(len(labels))
    for i, label in enumerate(labels):
        _dots(axes, points[points["label"] == label], colours[i], "o")
    islands = sorted((own for _, own in points.groupby(["label", "original"])), key=len, reverse=True)
    span = max(np.ptp(points["x"]), np.ptp(points["y"]), 1e-9)
    taken: list[tuple[float, float, float]] = []
    named = set()
    for own in islands[:LABELS]:
        text = style.fitted(str(own["name"].iloc[0]), 0.7, style.small())
        x, y = _middle(own[["x", "y"]].to_numpy())
        half = style.text_width(text, style.small(), "bold") / 2 * span / inches
        height = 1.2 * style.small() / 72 * span / inches
        covered = any(abs(x - a) < half + b and abs(y - c) < height for a, b, c in taken)
        if covered and text in named:
            continue
        taken.append((x, half, y))
        named.add(text)
        style.halo(
            axes.annotate(
                text,
                (x, y),
                (0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=style.small(),
                fontweight="bold",
            )
        )
    longest = max(half for _, half, _ in taken) / span
    axes.margins(x=max(longest, 0.05), y=0.1)


def _middle(places: np.ndarray) -> np.ndarray:
    """The place with most of the others near."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    return places[np.median(apart, axis=1).argmin()]


def _by_dataset(axes: Axes, points: pd.DataFrame, datasets: list[str]) -> None:
    for i, dataset in enumerate(datasets):
        look = style.line_look(i, 0)
        _dots(axes, points[points["dataset"] == dataset], look.colour, look.marker)


def _handles(datasets: list[str]) -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], **style.line_look(i, 0).line(linestyle=""), label=dataset)
        for i, dataset in enumerate(datasets)
    ]
