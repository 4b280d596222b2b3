"""Images as tiles of a figure, with words below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from imprint.report.drawing.looks import COLOURS
from imprint.report.drawing.style import INK, small_size
from imprint.report.drawing.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

# frames of the neighbours of an image: of its class, and of another
SAME_CLASS = {"color": INK, "linewidth": 1.2, "linestyle": "-"}
OTHER_CLASS = {"color": COLOURS[1], "linewidth": 1.6, "linestyle": (0, (2.5, 1.5))}


def show_image(
    axes: Axes,
    image: Image | None,
    name: str,
    words: Sequence[str],
    inches: float,
    weight: str = "normal",
) -> None:
    """Show an image, or its name if it is None, with lines of words below it, cut to `inches`."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    size = small_size()
    text = "\n".join(shorten(word, inches, size, weight) for word in words)
    axes.set_xlabel(text, fontsize=size, fontweight=weight, labelpad=1.5, linespacing=1.0)
    axes.set_box_aspect(1)
    if image is None:
        pieces = [name[i : i + 8] for i in range(0, len(name), 8)]
        text = "\n".join(pieces[-4:])  # paths differ at their ends
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=small_size())
        axes.set(xlim=(0, 1), ylim=(0, 1))
        return
    axes.imshow(np.asarray(image.convert("RGB")), interpolation="nearest", aspect="auto")
