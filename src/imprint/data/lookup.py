"""Single images of a prepared dataset, by the ids that embeddings files carry."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image

from imprint.data.sources import open_split


def images_by_id(folder: str | Path, root: str | None = None) -> Callable[[str, str], Image.Image | None]:
    """A function of split and id that gives the image, None where there is none or it cannot be read.

    folder, root: as in `open_split`.
    """

    @cache
    def opened(split: str):
        images = open_split(folder, split, root=root)
        return images, {name: i for i, name in enumerate(images.ids)}

    def image(split: str, name: str) -> Image.Image | None:
        images, rows = opened(split)
        try:
            return images[rows[name]] if name in rows else None
        except (OSError, ValueError):
            return None

    return image
