"""Embeddings of one task in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.looks import class_colours, legend_line, numbered_look
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import INK, figure_width, small_size
from imprint.report.drawing.text import add_halo, shorten, text_width
from imprint.report.figures.registry import figure
from imprint.report.figures.shown_cell import cell_in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Embeddings in the plane (t-SNE)"
MANY = 100  # proxies, above which their stars are small
LABELS = 60  # islands of one class and origin that are named; more would cover the dots


@figure("tsne", title=TITLE, category="One task", table="tsne")
def tsne(points: pd.DataFrame, description: Mapping[str, Any], images: object = None) -> Figure:
    """A panel coloured by class, with names on the islands; with several datasets also one coloured by these.

    Stars are the proxies of the shown cell, placed together with the samples.
    """
    samples, proxies = points[~points["proxy"]], points[points["proxy"]]
    datasets = list(dict.fromkeys(samples["dataset"]))
    panels = 2 if len(datasets) > 1 else 1
    inches = min(figure_width() / panels, 3.4) - 0.1
    counts = [_of(description["shown"], description["samples"], "test samples (dots)")]
    counts += [_of(description["proxies_shown"], description["proxies"], "proxies (stars)")]
    subtitle = (
        f"{cell_in_words(description)}\n{' and '.join(counts)}, placed together; "
        f"perplexity {description['perplexity']}; axes have no unit, and one scale"
    )
    fig = sheet(TITLE, subtitle, inches + (0.25 if panels > 1 else 0.1))
    grid = fig.subplots(1, panels, squeeze=False)[0]
    _by_class(grid[0], samples, proxies, inches)
    if panels > 1:
        grid[0].set_title("by class", fontweight="bold")
        grid[1].set_title("by dataset", fontweight="bold")
        for i, dataset in enumerate(datasets):
            look = numbered_look(i)
            _dots(grid[1], samples[samples["dataset"] == dataset], look.colour, str(look.marker))
        _stars(grid[1], proxies, "white", len(proxies))
        looks = [numbered_look(i).line(linestyle="") for i in range(len(datasets))]
        lines = [legend_line(name, **look) for name, look in zip(datasets, looks, strict=True)]
        legend_below(fig, [*lines, legend_line("proxy", linestyle="", **_star("white", 1))])
    limits = _square(points)
    for axes in grid:
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2", **limits)
        axes.set_aspect("equal", adjustable="box")
        axes.spines[:].set_visible(True)
    return fig


def _of(shown: int, count: int, name: str) -> str:
    return f"{shown:,} {name}" if shown == count else f"{shown:,} of {count:,} {name}"


def _square(points: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Limits of both axes, of one length, around all points."""
    places = points[["x", "y"]].to_numpy()
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    half = 0.55 * max(np.ptp(places, axis=0).max(), 1e-9)
    return {f"{axis}lim": (at - half, at + half) for axis, at in zip("xy", middle, strict=True)}


def _dots(axes: Axes, points: pd.DataFrame, colour: Any, marker: str) -> None:
    style = {"color": colour, "markersize": 2.2, "markeredgewidth": 0, "alpha": 0.6}
    axes.plot(points["x"], points["y"], marker, **style)


def _star(colour: Any, count: int) -> dict[str, Any]:
    """A star with a dark rim, so that it is seen among dots without colour too; smaller where there are many."""
    size, rim = (5.5, 0.6) if count <= MANY else (3.6, 0.4)
    edge = {"markeredgecolor": INK, "markeredgewidth": rim}
    return {"marker": "*", "color": colour, "markersize": size, **edge}


def _stars(axes: Axes, proxies: pd.DataFrame, colour: Any, count: int) -> None:
    axes.plot(proxies["x"], proxies["y"], linestyle="", zorder=3, **_star(colour, count))


def _by_class(axes: Axes, samples: pd.DataFrame, proxies: pd.DataFrame, inches: float) -> None:
    import pandas as pd

    labels = np.unique(samples["label"])
    for label, colour in zip(labels, class_colours(len(labels)), strict=True):
        _dots(axes, samples[samples["label"] == label], colour, "o")
        _stars(axes, proxies[proxies["label"] == label], colour, len(proxies))
    groups = [island for _, island in samples.groupby(["label", "original"])]
    islands = sorted(groups, key=len, reverse=True)
    left, right = _square(pd.concat([samples, proxies]))["xlim"]
    span = right - left
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
            zorder=4,
        )
        add_halo(name)


def _middle(points: np.ndarray) -> np.ndarray:
    """The point with most of the others near."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    return points[np.median(distances, axis=1).argmin()]
