"""Samples that a head has taken in before, known by a few numbers of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUMBERS = 4  # that are kept of an embedding
TOLERANCE = 1e-4  # of rounding: an image that is embedded again differs by 1e-5
CELL = 1e-3  # of the numbers, in which samples count as the same one


@dataclass(frozen=True)
class Sketches:
    """A few numbers of each training sample, enough to know it again.

    Attributes
    ----------
    values : ndarray of shape (n, 4)
        Random projections of the embeddings, float32.
    classes : ndarray of shape (n,)
        Numbers of their classes, int32.
    """

    values: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, classes: np.ndarray) -> Sketches:
        """Of embeddings (n, D) and the numbers of their classes (n,)."""
        projection = np.random.default_rng(0).normal(size=(x.shape[1], NUMBERS))
        values = (x @ projection.astype(np.float32)).astype(np.float32)
        return cls(values, classes.astype(np.int32))

    def has(self, other: Sketches) -> np.ndarray:
        """Whether each of other samples (m,) is among these, in the same class."""
        from scipy.spatial import KDTree

        scale = float(np.abs(self.values).mean()) or 1.0
        known = np.zeros(len(other.values), bool)
        for label in np.intersect1d(self.classes, other.classes):
            rows = np.flatnonzero(other.classes == label)
            tree = KDTree(self.values[self.classes == label])
            known[rows] = tree.query(other.values[rows])[0] <= TOLERANCE * scale
        return known

    def in_other_classes(self) -> list[tuple[int, int]]:
        """Pairs of samples that are the same but for rounding, and of two classes: each sample with the first such."""
        scale = CELL * (float(np.abs(self.values).mean()) or 1.0)
        numbers = np.random.default_rng(0).integers(2**63, size=NUMBERS)
        cells = np.round(self.values / scale).astype(np.int64) @ numbers  # a hash: it overflows
        _, firsts, of_rows = np.unique(cells, return_index=True, return_inverse=True)
        first = firsts[of_rows]
        rows = np.flatnonzero(self.classes[first] != self.classes)
        return list(zip(first[rows].tolist(), rows.tolist(), strict=True))

    def plus(self, other: Sketches) -> Sketches:
        """Both."""
        return Sketches(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.classes, other.classes]),
        )

    def without(self, stays: np.ndarray) -> Sketches:
        """Those of the classes of a mask (C,), numbered anew."""
        of_stays = stays[self.classes]
        numbers = (np.cumsum(stays) - 1).astype(np.int32)
        return Sketches(self.values[of_stays], numbers[self.classes[of_stays]])
