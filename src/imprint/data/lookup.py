"""Single images of a prepared dataset, looked up by the ids in embeddings files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image

from imprint.data.images import Images
from imprint.data.sources import open_split


def images_by_id(
    folder: str | Path, root: str | None = None
) -> Callable[[str, str], Image.Image | None]:
    """Look up images of a prepared dataset; see `open_split` for the arguments.

    Returns
    -------
    callable
        A function of split and id that returns the image, or None if it is missing or cannot be read.
    """

    @cache
    def opened(split: str) -> tuple[Images, dict[str, int]]:
        images = open_split(folder, split, root=root)
        return images, {name: i for i, name in enumerate(images.ids)}

    def image(split: str, name: str) -> Image.Image | None:
        images, rows = opened(split)
        try:
            return images[rows[name]] if name in rows else None
        except (OSError, ValueError):
            return None

    return image
