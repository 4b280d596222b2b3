"""Draw how weight imprinting works: `python docs/draw_framework.py` writes docs/guide/framework.svg.

The images are digits of scikit-learn; the points in the boxes are made up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from sklearn.datasets import load_digits

FILE = Path(__file__).parent / "guide" / "framework.svg"
INK, PALE = "#222222", "#f1f1ee"
CLASSES = (("o", "#0072B2"), ("^", "#E69F00"))  # told apart by shape, and in grey
WIDTH, HEIGHT = 7, 4.75  # inches
TRAINING, TEST = 3.85, 1.3  # heights of the two rows
TALL = 1.1  # height of a box
SMALL, LARGE = 12.5, 13.5  # points; 6 of them where the picture is 3.4 inches wide


def box(
    axes: Axes, x: float, y: float, width: float, height: float = TALL, line: Any = "-"
) -> None:
    """A box around (x, y)."""
    patch = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=PALE,
        edgecolor=INK,
        linewidth=1.2,
        linestyle=line,
    )
    axes.add_patch(patch)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A straight arrow."""
    style = {"arrowstyle": "-|>", "mutation_scale": 16, "linewidth": 1.6, "color": INK}
    axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **style))


def words(axes: Axes, x: float, y: float, name: str, explanation: str = "") -> None:
    """A name whose top is at y, and below it what it is."""
    look = {"ha": "center", "va": "top", "color": INK, "linespacing": 1.1}
    axes.text(x, y, name, size=LARGE, weight="bold", **look)
    axes.text(x, y - 0.26, explanation, size=SMALL, **look)


def picture(axes: Axes, x: float, y: float, digit: int, number: int, size: float) -> None:
    """An image of a digit around (x, y)."""
    digits = load_digits()
    image = digits.images[np.flatnonzero(digits.target == digit)[number]]
    ends = (x - size / 2, x + size / 2, y - size / 2, y + size / 2)
    axes.imshow(image, cmap="gray", extent=ends, interpolation="nearest", zorder=3)


def stars(axes: Axes, x: float, y: float, samples: bool) -> None:
    """Proxies of two classes as stars, each with the samples that it stands for."""
    random = np.random.default_rng(5)
    for (marker, colour), side in zip(CLASSES, (-1, 1), strict=True):
        for middle in ((0.3 * side, 0.28), (0.24 * side, -0.26)):
            centre = np.array((x, y)) + middle
            if samples:
                points = centre + 0.1 * random.normal(size=(9, 2))
                axes.plot(*points.T, marker, color=colour, markersize=4, markeredgewidth=0)
            axes.plot(*centre, "*", color=colour, markersize=15, markeredgecolor=INK)
            axes.plot(*centre, marker, color=INK, markersize=3)


def draw() -> Figure:
    """Above the training of a head, below its use."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.add_axes((0, 0, 1, 1))
    spots = [(x, TRAINING + y) for y in (0.24, -0.24) for x in (0.28, 0.76)]
    for number, (spot, digit) in enumerate(zip(spots, (0, 1, 0, 1), strict=True)):
        picture(axes, *spot, digit, number, 0.44)
    words(axes, 0.56, TRAINING - 0.58, "training", "images")
    picture(axes, 0.52, TEST, 0, 9, 0.6)
    words(axes, 0.52, TEST - 0.58, "test", "image")

    middle, height = (TRAINING + TEST) / 2, TRAINING - TEST + TALL
    box(axes, 1.72, middle, 0.88, height, line=(0, (4, 2)))
    words(axes, 1.72, middle + 0.35, "FM", "frozen")
    for y in (TRAINING, TEST):
        arrow(axes, (1.03, y), (1.28, y))
        arrow(axes, (2.16, y), (2.41, y))

    box(axes, 3.0, TRAINING, 1.18)
    words(axes, 3.0, TRAINING + 0.42, "NORMpre", "none, l2,\nwhiten, ...")
    under = {"ha": "center", "va": "top", "size": SMALL, "color": INK, "linespacing": 1.1}
    axes.text(3.0, TRAINING - 0.62, "training\nembeddings", **under)
    arrow(axes, (3.59, TRAINING), (3.84, TRAINING))
    box(axes, 4.42, TRAINING, 1.16)
    stars(axes, 4.42, TRAINING, samples=True)
    words(axes, 4.42, TRAINING - 0.6, "GEN", "k proxies\nof each class")
    arrow(axes, (5.0, TRAINING), (5.25, TRAINING))
    box(axes, 5.88, TRAINING, 1.26)
    words(axes, 5.88, TRAINING + 0.42, "NORMpost", "none, l2,\nquantile, ...")

    box(axes, 3.0, TEST, 1.18)
    words(axes, 3.0, TEST + 0.42, "NORMinf", "none, l2,\nwhiten, ...")
    arrow(axes, (3.59, TEST), (4.72, TEST))
    axes.text(4.15, TEST - 0.08, "test\nembedding", **under)
    arrow(axes, (5.5, TRAINING - TALL / 2), (5.5, TEST + TALL / 2))
    axes.text(5.6, middle, "proxies:\nthe new head", ha="left", va="center", size=SMALL, color=INK)
    box(axes, 5.3, TEST, 1.16)
    stars(axes, 5.3, TEST, samples=False)
    query, nearest = (5.16, TEST + 0.02), (5.08, TEST - 0.22)
    axes.plot(*zip(query, nearest, strict=True), color=INK, linewidth=1.4, linestyle=(0, (2, 1)))
    axes.plot(*query, "X", color=INK, markersize=8)
    words(axes, 5.3, TEST - 0.6, "AGG", "the nearest proxies decide")
    arrow(axes, (5.88, TEST), (6.13, TEST))
    words(axes, 6.52, TEST + 0.22, "class", "0")
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    return figure


def write(file: Path = FILE) -> None:
    """Write the picture; the same one every time."""
    style = {"svg.hashsalt": "framework", "svg.fonttype": "none", "font.family": "sans-serif"}
    with mpl.rc_context(style):
        draw().savefig(file, format="svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    write()
