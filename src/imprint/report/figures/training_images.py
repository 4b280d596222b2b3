"""Some training images of every class and dataset of one task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.data.image_modes import rgb
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import figure_width, small_size
from imprint.report.drawing.text import break_name, shorten, text_width
from imprint.report.registry import NothingToShow, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL.Image import Image

    Images = Mapping[str, Callable[[str, str], Image | None]]

TITLE = "Training images of a task"
ACROSS, FEWEST = 12, 2  # images beside each other, and least number of one dataset
ROWS = 20  # classes shown
PIXELS, GAP = 72, 6  # pixels of an image, and between two


@figure("training_images", title=TITLE, category="One task", data="samples", needs_images=True)
def training_images(table: pd.DataFrame, description: Mapping[str, Any], images: Images) -> Figure:
    """A row per class, a block of columns per dataset.

    `images`: for each dataset, a function that returns the image of a split and id.
    """
    classes, datasets = description["classes"], description["datasets"]
    shown = [name for name in datasets if name in images]
    if not shown:
        raise NothingToShow("This task has embeddings without images. Add datasets.")
    labels = _shown_classes(table[table["dataset"].isin(shown)])
    each = max(FEWEST, ACROSS // len(shown))
    names = [shorten(classes[label], 0.9, small_size()) for label in labels]
    beside = max(text_width(name, small_size()) for name in names) + 0.2
    inches = (figure_width() - beside) / (each * len(shown) + 0.3 * (len(shown) - 1))
    titles = [break_name(name, each * inches) for name in shown]
    lines = max(title.count("\n") + 1 for title in titles)
    count = len(classes)
    rows = f"{count} classes" if len(labels) == count else f"{len(labels)} of {count} classes"
    subtitle = f"{description['task']}: {rows}, a row each"
    if len(shown) > 1:
        subtitle += "; a block of columns per dataset"
    fig = sheet(TITLE, subtitle, inches * len(labels) + 0.15 * lines + 0.15)
    grid = fig.subplots(1, len(shown), squeeze=False)[0]
    for axes, dataset, title in zip(grid, shown, titles, strict=True):
        samples = table[table["dataset"] == dataset]
        ids = [list(samples.loc[samples["label"] == label, "id"])[:each] for label in labels]
        axes.imshow(_mosaic(ids, each, images[dataset]))
        axes.set_title(title, fontweight="bold")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[])
    middles = (PIXELS + GAP) * np.arange(len(labels)) + PIXELS / 2
    grid[0].set_yticks(middles, names)
    grid[0].tick_params(length=0)
    return fig


def _shown_classes(table: pd.DataFrame) -> list[int]:
    """At most `ROWS` classes: the first of each dataset before the second of any."""
    classes = table[["dataset", "label"]].drop_duplicates().sort_values("label", kind="stable")
    turn = classes.groupby("dataset").cumcount()
    in_turn = classes["label"].loc[turn.sort_values(kind="stable").index]
    return sorted(in_turn.unique()[:ROWS])


def _mosaic(
    ids: list[list[str]], each: int, image: Callable[[str, str], Image | None]
) -> np.ndarray:
    """The images of these ids, a row per list, on white; a grey tile replaces an image that cannot be read."""
    step = PIXELS + GAP
    mosaic = np.full((step * len(ids) - GAP, step * each - GAP, 3), 255, np.uint8)
    for row, names in enumerate(ids):
        for column, name in enumerate(names):
            picture = image("train", name)
            tile = (
                np.full((PIXELS, PIXELS, 3), 200, np.uint8) if picture is None else _tile(picture)
            )
            top, left = step * row, step * column
            mosaic[top : top + PIXELS, left : left + PIXELS] = tile
    return mosaic


def _tile(picture: Image) -> np.ndarray:
    """The whole image, fitted into a square; small images keep sharp pixels."""
    from PIL import Image, ImageOps

    small = max(picture.size) < PIXELS
    method = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    square = ImageOps.pad(rgb(picture), (PIXELS, PIXELS), method=method, color="white")
    return np.asarray(square)
