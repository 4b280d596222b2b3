"""Test images of one cell beside their nearest proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import figure_width
from imprint.report.drawing.tiles import OTHER_CLASS, SAME_CLASS, show_image
from imprint.report.figures.shown_cell import cell_in_words
from imprint.report.registry import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL.Image import Image

    Images = Mapping[str, Callable[[str, str], Image | None]]

TITLE = "Test images and their nearest proxies"
MISTAKES, ROWS = 4, 7  # most mistakes, and most rows in all


@figure("gallery", title=TITLE, category="One task", table="predictions", needs_images=True)
def gallery(predictions: pd.DataFrame, description: Mapping[str, Any], images: Images) -> Figure:
    """A row per test sample, mistakes first: its image and those of its nearest proxies.

    `images`: for each dataset, a function that returns the image of a split and id; a sample without one is shown by its id.
    """
    chosen = chosen_rows(predictions)
    names = description["classes"]
    columns = 1 + len(predictions["near_class"].iloc[0])
    proxies = "A proxy is shown as the training sample of its class with the most similar direction"
    if description["proxies_are_samples"]:
        proxies = "Proxies are training samples"
    subtitle = (
        f"{cell_in_words(description)}\n{proxies}. Below: class and {description['value_is']}; "
        f"dashes: not the true class.\n{len(chosen)} of {len(predictions):,} test samples, mistakes first"
    )
    size = figure_width() / (columns + 0.35)
    fig = sheet(TITLE, subtitle, 0.2 + (size + 0.26) * len(chosen))
    grid = fig.subplots(len(chosen), columns, squeeze=False)
    for panels, sample in zip(grid, predictions.iloc[chosen].to_dict("records"), strict=True):
        true, predicted = sample["true"], sample["predicted"]
        verdict = "right" if true == predicted else f"as {names[predicted]}"
        image = _image(images, sample["dataset"], "test", sample["id"])
        show_image(panels[0], image, sample["id"], (names[true], verdict), size)
        panels[0].xaxis.label.set_fontweight("bold")
        panels[0].spines[:].set_visible(False)
        near = zip(
            sample["near_class"],
            sample["near_dataset"],
            sample["near_id"],
            sample["near_value"],
            strict=True,
        )
        for axes, (label, dataset, name, value) in zip(panels[1:], near, strict=True):
            image = _image(images, dataset, "train", name)
            show_image(axes, image, name, (names[label], f"{value:.3f}"), size)
            frame = SAME_CLASS if label == true else OTHER_CLASS
            axes.spines[:].set(visible=True, **frame)
    titles = ["test", "nearest", *(f"{i}." for i in range(2, columns))]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontweight="bold")
    return fig


def chosen_rows(predictions: pd.DataFrame) -> list[int]:
    """The rows that a gallery shows: some mistakes, then some correct ones, the same every time.

    Within each kind, one row of every class comes before a second of any.
    """
    order = np.random.default_rng(0).permutation(len(predictions))
    right = (predictions["true"] == predictions["predicted"]).to_numpy()[order]
    wrong = _varied(order[~right], predictions["true"], MISTAKES)
    return [*wrong, *_varied(order[right], predictions["true"], ROWS - len(wrong))]


def _varied(order: np.ndarray, classes: pd.Series, most: int) -> list[int]:
    """At most `most` rows: the first of each class before the second of any."""
    ordered = classes.iloc[order]
    turn = ordered.groupby(ordered).cumcount().to_numpy()
    return [int(i) for i in order[np.argsort(turn, kind="stable")][:most]]


def _image(images: Images, dataset: str, split: str, name: str) -> Image | None:
    return images[dataset](split, name) if dataset in images else None
