"""One split of a dataset, however it is stored."""

from __future__ import annotations

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

    Attributes
    ----------
    labels : ndarray of shape (N,)
        Indices of `class_names`, int64.
    ids : list of str
        Names of the samples, unique in the split; without an `array` and `spans` also their paths
        below `folder`.
    class_names : tuple of str
        Names of the classes.
    array : ndarray of shape (N, H, W) or (N, H, W, 3), or None
        The images, uint8, if they are in memory.
    folder : Path or None
        The folder of the image files, or the uncompressed archive that holds them.
    spans : ndarray of shape (N, 2), or None
        First byte and number of bytes of each image file in the archive, int64.
    """

    labels: np.ndarray
    ids: list[str]
    class_names: tuple[str, ...]
    array: np.ndarray | None = None
    folder: Path | None = None
    spans: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> Image.Image:
        """Sample i as a PIL image, in the mode it is stored in."""
        if self.array is not None:
            return Image.fromarray(self.array[i])
        path, first, size = self._location(i)
        if size is None:
            return read_image(path)
        with open(path, "rb") as archive:
            archive.seek(first)
            return read_image(io.BytesIO(archive.read(size)))

    def path(self, i: int) -> str:
        """Where sample i comes from, for messages."""
        return str(self.folder / self.ids[i] if self.folder else self.ids[i])

    def prefetch(self, rows: Sequence[int]) -> None:
        """Ask the system to read the files of these samples into its cache, without waiting for it."""
        if self.array is not None or not hasattr(os, "posix_fadvise"):
            return
        for i in rows:
            path, first, size = self._location(i)
            with suppress(OSError), open(path, "rb", buffering=0) as file:  # reading reports it
                os.posix_fadvise(file.fileno(), first, size or 0, os.POSIX_FADV_WILLNEED)

    def _location(self, i: int) -> tuple[Path, int, int | None]:
        """The file that sample i is in, its first byte there and its number of bytes (None: all)."""
        assert self.folder is not None, "images that are not in memory have a folder"
        if self.spans is None:
            return self.folder / self.ids[i], 0, None
        first, size = self.spans[i].tolist()
        return self.folder, first, size

    def take(self, rows: Sequence[int] | np.ndarray) -> Images:
        """The samples of these row numbers, in this order."""
        return replace(
            self,
            labels=self.labels[rows],
            ids=[self.ids[i] for i in rows],
            array=None if self.array is None else self.array[rows],
            spans=None if self.spans is None else self.spans[rows],
        )

    def by_class(self) -> Images:
        """The samples of each class together, classes ascending, inside a class in their order."""
        if (np.diff(self.labels) >= 0).all():
            return self
        return self.take(np.argsort(self.labels, kind="stable"))

    def only(
        self, classes: Sequence[int] | None = None, limit: int | None = None, seed: int = 0
    ) -> Images:
        """The samples of some classes, in their order; labels are not renumbered.

        Parameters
        ----------
        classes : sequence of int, optional
            Classes to keep; all by default.
        limit : int, optional
            At most so many samples of each class. A smaller limit chooses some of those that a larger one does.
        seed : int
            Seed of that choice, which depends on nothing else but the class.

        Raises
        ------
        UserError
            If a class does not exist or has no samples.
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
        chosen = []
        for label in np.unique(self.labels) if classes is None else sorted(set(classes)):
            rows = np.flatnonzero(self.labels == label)
            if limit is not None and limit < len(rows):
                rows = np.random.default_rng((seed, int(label))).permutation(rows)[:limit]
            chosen.append(rows)
        rows = np.sort(np.concatenate(chosen)) if chosen else np.arange(0)
        return self if len(rows) == len(self) else self.take(rows)


def read_image(file: Path | BinaryIO) -> Image.Image:
    """Read an image file and turn it as its EXIF orientation says. A damaged file raises OSError and others."""
    with Image.open(file) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """A mask of `fraction` of every class, drawn by `seed`: the test part of a dataset without one.

    A class of two images or more has at least one on either side; a single image is not in the mask.
    """
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.random.default_rng((seed, int(label))).permutation(
            np.flatnonzero(labels == label)
        )
        mask[rows[: min(len(rows) - 1, max(1, round(fraction * len(rows))))]] = True
    return mask
