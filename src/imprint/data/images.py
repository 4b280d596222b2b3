"""One split of a dataset, however it is stored."""

import io
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from imprint.errors import UserError


@dataclass(frozen=True)
class Images:
    """Labelled images in a fixed order, held in memory or read from files when indexed.

    labels: (N,) int64, indices of `class_names`. ids: N strings that name the samples, unique in the split.
    array: uint8 (N, H, W) or (N, H, W, 3), or None; then the ids are paths of image files, relative to
    `folder`. spans: (N, 2) int64, first byte and number of bytes of each image file inside an uncompressed
    archive, which `folder` then is.
    """

    labels: np.ndarray
    ids: list[str]
    class_names: tuple[str, ...]
    array: np.ndarray | None = None
    folder: Path | None = None
    spans: np.ndarray | None = None

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        """Sample i as a PIL image, in the mode it is stored in."""
        if self.array is not None:
            return Image.fromarray(self.array[i])
        if self.spans is None:
            return read_image(self.folder / self.ids[i])
        first, size = self.spans[i].tolist()
        with open(self.folder, "rb") as archive:
            archive.seek(first)
            return read_image(io.BytesIO(archive.read(size)))

    def expect(self, rows: Sequence[int]) -> None:
        """Ask the system to read the files of these samples into its cache, without waiting for it."""
        if self.array is not None or not hasattr(os, "posix_fadvise"):
            return
        for i in rows:
            path, first, size = self.folder, 0, 0
            if self.spans is None:
                path = path / self.ids[i]
            else:
                first, size = self.spans[i].tolist()
            with (
                suppress(OSError),
                open(path, "rb", buffering=0) as file,
            ):  # reading it will say what is wrong
                os.posix_fadvise(file.fileno(), first, size, os.POSIX_FADV_WILLNEED)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Images":
        """The samples of these row numbers, in this order."""
        return replace(
            self,
            labels=self.labels[rows],
            ids=[self.ids[i] for i in rows],
            array=None if self.array is None else self.array[rows],
            spans=None if self.spans is None else self.spans[rows],
        )

    def by_class(self) -> "Images":
        """The samples of each class together, classes ascending, inside a class in their order."""
        if (np.diff(self.labels) >= 0).all():
            return self
        return self.take(np.argsort(self.labels, kind="stable"))

    def only(self, classes: Sequence[int] | None = None, limit: int | None = None, seed: int = 0) -> "Images":
        """The samples of some classes, at most `limit` of each, in their order; labels are not renumbered.

        The choice under a limit is by `seed` and class alone; a smaller limit chooses a part of what a larger
        one does.
        """
        if classes is not None:
            beyond = [c for c in classes if not 0 <= c < len(self.class_names)]
            if beyond:
                raise UserError(
                    f"classes {beyond} do not exist: the dataset has {len(self.class_names)}, from 0"
                )
            empty = sorted(set(classes) - set(self.labels.tolist()))
            if empty:
                raise UserError(f"there are no images of the classes {empty}")
        kept = []
        for label in np.unique(self.labels) if classes is None else sorted(set(classes)):
            rows = np.flatnonzero(self.labels == label)
            if limit is not None and limit < len(rows):
                rows = np.random.default_rng((seed, int(label))).permutation(rows)[:limit]
            kept.append(rows)
        rows = np.sort(np.concatenate(kept)) if kept else np.arange(0)
        return self if len(rows) == len(self) else self.take(rows)


def read_image(file: Path | BinaryIO) -> Image.Image:
    """Read an image file, turned as its EXIF orientation says. OSError and others if it is damaged."""
    with Image.open(file) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """A mask of `fraction` of every class, drawn by `seed`: the test part of a dataset without one.

    A class of two images or more has at least one on either side; a single image is not in the mask.
    """
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.random.default_rng((seed, int(label))).permutation(np.flatnonzero(labels == label))
        mask[rows[: min(len(rows) - 1, max(1, round(fraction * len(rows))))]] = True
    return mask
