"""One split of a dataset, in memory, in files or in archives."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from imprint.data.image_formats import defect, read_image
from imprint.data.stores import Store, file_state, prefetch
from imprint.errors import UserError


@dataclass(frozen=True)
class Images:
    """Labelled images in a fixed order, held in memory or read from files when indexed.

    Attributes
    ----------
    labels : ndarray of shape (N,)
        Indices of `class_names`, int64.
    ids : list of str
        Names of the samples, unique in the split; for image files, their paths below `folder`.
    class_names : tuple of str
        Names of the classes.
    array : ndarray of shape (N, H, W) or (N, H, W, 3), or None
        The images, uint8, if they are in memory.
    folder : Path or None
        The folder of the image files.
    store : Store or None
        The store of the image files, if they are not in a folder.
    positions : ndarray of shape (N,), or None
        Position of each image in the store; None means the store's order.
    """

    labels: np.ndarray
    ids: list[str]
    class_names: tuple[str, ...]
    array: np.ndarray | None = None
    folder: Path | None = None
    store: Store | None = None
    positions: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check the type of the array: Pillow would silently misread other types."""
        if self.array is not None and self.array.dtype != np.uint8:
            raise UserError(
                f"images are {self.array.dtype}; they are uint8, 0 to 255, of shape (N, H, W) or (N, H, W, 3)"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> Image.Image:
        """Sample i as a PIL image, in its stored mode."""
        if self.array is not None:
            return Image.fromarray(self.array[i])
        if self.store is not None:
            return read_image(io.BytesIO(self.store.read(self._position(i))))
        return read_image(self._file(i))

    def path(self, i: int) -> str:
        """The origin of sample i, for messages."""
        if self.store is not None:
            return str(self.store.file(self._position(i)) / self.ids[i])
        return str(self.folder / self.ids[i] if self.folder else self.ids[i])

    def defect(self, i: int) -> str | None:
        """The reason why sample i cannot be read, found by a quick check of its file; None if the check passes."""
        return None if self.array is not None or self.store is not None else defect(self._file(i))

    def prefetch(self, rows: Sequence[int]) -> None:
        """Ask the system to read the files of these samples into its cache, without waiting."""
        if self.array is not None:
            return
        for i in rows:
            if self.store is not None:
                self.store.prefetch(self._position(i))
            else:
                prefetch(self._file(i))

    def state(self) -> Iterator[bytes]:
        """Bytes that change when the images, their order or their labels change."""
        yield "\n".join(self.ids).encode()
        yield str(self.folder).encode()
        for array in (self.labels, self.array, self.positions):
            if array is not None:
                yield np.ascontiguousarray(array).tobytes()
        if self.store is not None:
            yield from self.store.state()
        elif self.array is None:
            yield from (file_state(self._file(i)) for i in range(len(self)))

    def _position(self, i: int) -> int:
        return i if self.positions is None else int(self.positions[i])

    def _file(self, i: int) -> Path:
        assert self.folder is not None, (
            "images that are neither in memory nor in a store have a folder"
        )
        return self.folder / self.ids[i]

    def take(self, rows: Sequence[int] | np.ndarray) -> Images:
        """The samples at these rows, in this order."""
        chosen = np.asarray(rows, np.int64)
        positions = self.positions
        if self.store is not None:
            positions = chosen if positions is None else positions[chosen]
        return replace(
            self,
            labels=self.labels[chosen],
            ids=[self.ids[i] for i in chosen],
            array=None if self.array is None else self.array[chosen],
            positions=positions,
        )

    def by_class(self) -> Images:
        """The samples sorted by class, in their original order within each class."""
        if (np.diff(self.labels) >= 0).all():
            return self
        return self.take(np.argsort(self.labels, kind="stable"))

    def only(self, classes: Sequence[int] | None = None, limit: int | None = None) -> Images:
        """The samples of some classes, in their original order; labels are not renumbered.

        Parameters
        ----------
        classes : sequence of int, optional
            Classes to keep; all by default.
        limit : int, optional
            Maximum number of samples per class, chosen at random by a seed that depends only on the class. The samples of a
            smaller limit are a subset of those of a larger one.

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
                rows = np.random.default_rng((0, int(label))).permutation(rows)[:limit]
            chosen.append(rows)
        rows = np.sort(np.concatenate(chosen)) if chosen else np.arange(0)
        return self if len(rows) == len(self) else self.take(rows)


def stratified(labels: np.ndarray, test_fraction: float, seed: int) -> np.ndarray:
    """A mask of a share of every class, drawn by `seed`: the test split of a dataset without one.

    A class of two or more images has at least one inside and one outside the mask; a single image is outside. A `UserError` if
    the share is not between 0 and 1.
    """
    if not 0 < test_fraction < 1:
        raise UserError(f"test_fraction {test_fraction} is not between 0 and 1")
    return share_of_each_class(
        labels, test_fraction, lambda label: np.random.default_rng((seed, label))
    )


def share_of_each_class(
    labels: np.ndarray, share: float, generator: Callable[[int], np.random.Generator]
) -> np.ndarray:
    """A mask of a share of every class, at least one sample of each class that has two and never all of them.

    generator: returns the random generator that draws from a class.
    """
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = generator(int(label)).permutation(np.flatnonzero(labels == label))
        mask[rows[: min(len(rows) - 1, max(1, round(share * len(rows))))]] = True
    return mask
