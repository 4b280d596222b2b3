"""Embeddings of one task in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.looks import MARKERS, class_colours, legend_line, numbered_look
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import INK, figure_width, panels_across, small_size
from imprint.report.drawing.text import add_halo, shorten, text_width
from imprint.report.figures.shown_cell import cell_in_words
from imprint.report.registry import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Embeddings in the plane (t-SNE)"
NARROWEST = 2.4  # inches of a panel, so that names have room
MANY = 100  # number of proxies above which they are small
LABELS = 60  # most names, each of an original class; more would cover the samples
ANY_CLASS = "*"  # the shape of a proxy where shapes stand for datasets


@figure("tsne", title=TITLE, category="One task", data="tsne")
def tsne(points: pd.DataFrame, description: Mapping[str, Any], images: object = None) -> Figure:
    """A panel by class, with a name on each original class; with several datasets, also a panel by dataset.

    A class or dataset has a colour and a shape. Samples are hollow, the proxies of the shown cell filled; t-SNE places both
    together.
    """
    samples, proxies = points[~points["proxy"]], points[points["proxy"]]
    datasets = list(dict.fromkeys(samples["dataset"]))
    panels = 2 if len(datasets) > 1 else 1
    columns = panels_across(NARROWEST, panels)
    inches = min(figure_width() / columns, 3.4) - 0.1
    counts = [_of(description["shown"], description["samples"], "test samples (hollow)")]
    counts += [_of(description["proxies_shown"], description["proxies"], "proxies (filled)")]
    subtitle = (
        f"{cell_in_words(description)}\n{' and '.join(counts)}, placed together; "
        f"perplexity {description['perplexity']}; axes have no unit, and one scale"
    )
    rows = panels // columns
    fig = sheet(TITLE, subtitle, rows * (inches + (0.25 if panels > 1 else 0.1)))
    grid = fig.subplots(rows, columns, squeeze=False).ravel()
    classes = samples.drop_duplicates("label").sort_values("label")
    colours = class_colours(len(classes))
    entries = []
    for i, (label, name) in enumerate(zip(classes["label"], classes["name"], strict=True)):
        marker = MARKERS[i % len(MARKERS)]
        _samples(grid[0], samples[samples["label"] == label], colours[i], marker)
        filled = _filled(colours[i], marker, len(proxies))
        of_class = proxies[proxies["label"] == label]
        grid[0].plot(of_class["x"], of_class["y"], linestyle="", zorder=3, **filled)
        entries.append(legend_line(str(name), linestyle="", **_filled(colours[i], marker, 1)))
    _name_islands(grid[0], points, inches - 0.15)  # the name of an axis is beside the panel
    if panels > 1:
        grid[0].set_title("by class", fontweight="bold")
        grid[1].set_title("by dataset", fontweight="bold")
        looks = [numbered_look(i) for i in range(len(datasets))]
        for dataset, look in zip(datasets, looks, strict=True):
            _samples(grid[1], samples[samples["dataset"] == dataset], look.colour, str(look.marker))
        star = _filled("white", ANY_CLASS, len(proxies))
        grid[1].plot(proxies["x"], proxies["y"], linestyle="", zorder=3, **star)
        entries = [
            legend_line(name, linestyle="", **_hollow(look.colour, str(look.marker)))
            for name, look in zip(datasets, looks, strict=True)
        ]
        entries.append(legend_line("proxy", linestyle="", **_filled("white", ANY_CLASS, 1)))
        legend_below(fig, entries)
    elif len(entries) <= len(MARKERS):
        legend_below(fig, entries, title="Class")
    limits = _square(points)
    for axes in grid:
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2", **limits)
        axes.set_aspect("equal", adjustable="box")
        axes.spines[:].set_visible(True)
    return fig


def _of(shown: int, count: int, name: str) -> str:
    return f"{shown:,} {name}" if shown == count else f"{shown:,} of {count:,} {name}"


def _square(points: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Limits of both axes, equally long, around all points."""
    places = points[["x", "y"]].to_numpy()
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    half = 0.55 * max(np.ptp(places, axis=0).max(), 1e-9)
    return {f"{axis}lim": (at - half, at + half) for axis, at in zip("xy", middle, strict=True)}


def _hollow(colour: Any, marker: str) -> dict[str, Any]:
    """The style of a sample."""
    face = {"markerfacecolor": "none", "markeredgewidth": 0.5}
    return {"marker": marker, "color": colour, "markersize": 2.8, **face}


def _filled(colour: Any, marker: str, count: int) -> dict[str, Any]:
    """The style of a proxy: with a dark rim, to be seen among samples also without colour; smaller if there are many."""
    size, rim = (5.5, 0.7) if count <= MANY else (3.6, 0.5)
    edge = {"markeredgecolor": INK, "markeredgewidth": rim}
    return {"marker": marker, "color": colour, "markersize": size, **edge}


def _samples(axes: Axes, samples: pd.DataFrame, colour: Any, marker: str) -> None:
    axes.plot(samples["x"], samples["y"], linestyle="", alpha=0.8, **_hollow(colour, marker))


def _name_islands(axes: Axes, points: pd.DataFrame, inches: float) -> None:
    """Write the name of each class on each original one that it unites.

    Second and further names must not cover others; if there are more classes than shapes, no name may.
    """
    samples = points[~points["proxy"]]
    groups = [island for _, island in samples.groupby(["label", "original"])]
    islands = sorted(groups, key=len, reverse=True)
    many = samples["label"].nunique() > len(MARKERS)
    left, right = _square(points)["xlim"]
    span = right - left
    height = 1.2 * small_size() / 72 * span / inches
    written: list[tuple[float, float, float]] = []  # x and half width of each name, and its y
    named = set()
    for island in islands[:LABELS]:
        text = shorten(str(island["name"].iloc[0]), 0.7, small_size())
        x, y = _middle(island[["x", "y"]].to_numpy())
        half = text_width(text, small_size(), "bold") / 2 * span / inches
        x = np.clip(x, left + half, right - half)
        covers = any(abs(x - a) < half + b and abs(y - c) < height for a, b, c in written)
        if covers and (many or text in named):
            continue
        written.append((x, half, y))
        named.add(text)
        above: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
        bold: dict[str, Any] = {"fontsize": small_size(), "fontweight": "bold", "zorder": 4}
        add_halo(axes.annotate(text, (x, y), (0, 2), **above, **bold))


def _middle(points: np.ndarray) -> np.ndarray:
    """The point with the smallest median distance to the others."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    return points[np.median(distances, axis=1).argmin()]
