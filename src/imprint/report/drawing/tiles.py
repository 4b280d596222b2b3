"""Images as tiles of a figure, with words below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imprint.data.image_modes import rgb
from imprint.report.drawing.looks import COLOURS
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import INK, figure_width, small_size
from imprint.report.drawing.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

# frames of the neighbours of an image: of its class, and of another
SAME_CLASS = {"color": INK, "linewidth": 1.2, "linestyle": "-"}
OTHER_CLASS = {"color": COLOURS[1], "linewidth": 1.6, "linestyle": (0, (2.5, 1.5))}
LARGEST = 1.6  # inches of an image
WORDS = 0.42  # inches for three lines of words below an image


@dataclass(frozen=True)
class Tile:
    """An image with its name, the words below it, and whether it belongs to the class that it is shown for.

    If the image is None, its name is shown.
    """

    image: Image | None
    name: str
    words: tuple[str, ...]
    same_class: bool = True


def show_tile(axes: Axes, tile: Tile, inches: float, weight: str = "normal") -> None:
    """Show the image of a tile, or its name if there is none, with its words below it, cut to `inches`."""
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    size = small_size()
    text = "\n".join(shorten(word, inches, size, weight) for word in tile.words)
    axes.set_xlabel(text, fontsize=size, fontweight=weight, labelpad=1.5, linespacing=1.0)
    axes.set_box_aspect(1)
    if tile.image is None:
        pieces = [tile.name[i : i + 8] for i in range(0, len(tile.name), 8)]
        text = "\n".join(pieces[-4:])  # paths differ at their ends
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=size)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        return
    axes.imshow(np.asarray(rgb(tile.image)), interpolation="nearest", aspect="auto")


def tile_rows(
    title: str, subtitle: str, heading: str, rows: Sequence[tuple[Tile, Sequence[Tile]]]
) -> Figure:
    """A row for each image: the image at the left, its neighbours at the right, dashed if they are of another class.

    Parameters
    ----------
    title, subtitle : str
        See `imprint.report.drawing.sheet.sheet`.
    heading : str
        What the images at the left are.
    rows : sequence of (Tile, sequence of Tile)
        Each image with its neighbours, nearest first.
    """
    columns = 1 + max(len(near) for _, near in rows)
    lines = max(len(tile.words) for tile, near in rows for tile in (tile, *near))
    inches = min(LARGEST, figure_width() / (columns + 0.35))
    figure = sheet(title, subtitle, 0.2 + (inches + WORDS * lines / 3) * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for panels, (tile, near) in zip(grid, rows, strict=True):
        for axes, shown in zip(panels, (tile, *near), strict=False):
            show_tile(axes, shown, inches, "bold" if shown is tile else "normal")
            frame = SAME_CLASS if shown.same_class else OTHER_CLASS
            axes.spines[:].set(visible=shown is not tile, **frame)
    headings = [heading, "nearest", *(f"{i}." for i in range(2, columns))]
    for axes, text in zip(grid[0], headings, strict=True):
        axes.set_title(text, fontweight="bold")
    return figure
