"""Test images of one cell beside their nearest proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.tiles import Tile, tile_rows
from imprint.report.figures.shown_cell import cell_in_words
from imprint.report.registry import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL.Image import Image

    Images = Mapping[str, Callable[[str, str], Image | None]]

TITLE = "Test images and their nearest proxies"
MISTAKES, ROWS = 4, 7  # most mistakes, and most rows in all


@figure("gallery", title=TITLE, category="One task", data="predictions", needs_images=True)
def gallery(predictions: pd.DataFrame, description: Mapping[str, Any], images: Images) -> Figure:
    """A row per test sample, mistakes first: its image and those of its nearest proxies.

    `images`: for each dataset, a function that returns the image of a split and id; a sample without one is shown by its id.
    """
    chosen = chosen_rows(predictions)
    names = description["classes"]
    proxies = "A proxy is shown as the training sample of its class with the most similar direction"
    if description["proxies_are_samples"]:
        proxies = "Proxies are training samples"
    subtitle = (
        f"{cell_in_words(description)}\n{proxies}. Below: class and {description['value_is']}; "
        f"dashes: not the true class.\n{len(chosen)} of {len(predictions):,} test samples, mistakes first"
    )
    rows = [_tiles(sample, names, images) for sample in predictions.iloc[chosen].to_dict("records")]
    return tile_rows(TITLE, subtitle, "test", rows)


def _tiles(
    sample: Mapping[Any, Any], names: Sequence[str], images: Images
) -> tuple[Tile, list[Tile]]:
    """A test sample and its nearest proxies."""
    true, predicted = sample["true"], sample["predicted"]
    verdict = "right" if true == predicted else f"as {names[predicted]}"
    image = _image(images, sample["dataset"], "test", sample["id"])
    columns = (sample[f"near_{name}"] for name in ("class", "dataset", "id", "value"))
    near = [
        Tile(
            _image(images, dataset, "train", name),
            name,
            (names[label], f"{value:.3f}"),
            same_class=label == true,
        )
        for label, dataset, name, value in zip(*columns, strict=True)
    ]
    return Tile(image, sample["id"], (names[true], verdict)), near


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
