"""One split of a dataset, however it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from imprint.errors import UserError


@dataclass(frozen=True)
class Images:
    """Labelled images in a fixed order, held in memory or read from files when indexed.

    labels: (N,) int64, indices of `class_names`. ids: N strings that name the samples, unique in the split.
    array: uint8 (N, H, W) or (N, H, W, 3), or None; then the ids are paths of image files, relative to
    `folder`.
    """

    labels: np.ndarray
    ids: list[str]
    class_names: tuple[str, ...]
    array: np.ndarray | None = None
    folder: Path | None = None

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        """Sample i as a PIL image, in the mode it is stored in."""
        return (
            Image.fromarray(self.array[i])
            if self.array is not None
            else read_image(self.folder / self.ids[i])
        )

    def take(self, rows: Sequence[int] | np.ndarray) -> "Images":
        """The samples of these row numbers, in this order."""
        return replace(
            self,
            labels=self.labels[rows],
            ids=[self.ids[i] for i in rows],
            array=None if self.array is None else self.array[rows],
        )

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
        kept = []
        for label in np.unique(self.labels) if classes is None else sorted(set(classes)):
            rows = np.flatnonzero(self.labels == label)
            if limit is not None and limit < len(rows):
                rows = np.random.default_rng((seed, int(label))).permutation(rows)[:limit]
            kept.append(rows)
        rows = np.sort(np.concatenate(kept)) if kept else np.arange(0)
        return self if len(rows) == len(self) else self.take(rows)


def read_image(path: Path) -> Image.Image:
    """Read an image file, turned as its EXIF orientation says. OSError and others if it is damaged."""
    with Image.open(path) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """A mask of `fraction` of every class, drawn by `seed`: the test part of a dataset without one."""
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.random.default_rng((seed, int(label))).permutation(np.flatnonzero(labels == label))
        mask[rows[: round(fraction * len(rows))]] = True
    return mask
