"""Recognise samples that a head already contains, by a few numbers of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUMBERS = 4  # kept of each embedding
TOLERANCE = 1e-4  # for rounding: an image that is embedded again differs by 1e-5
CELL = 1e-3  # rounding step: samples with equal rounded numbers count as the same


@dataclass(frozen=True)
class Sketches:
    """A few numbers of each training sample, enough to recognise it.

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
        """Sketches of embeddings x (n, D) with class numbers `classes` (n,)."""
        projection = np.random.default_rng(0).normal(size=(x.shape[1], NUMBERS))
        values = (x @ projection.astype(np.float32)).astype(np.float32)
        return cls(values, classes.astype(np.int32))

    def has(self, other: Sketches) -> np.ndarray:
        """Which of the other samples are among these, in the same class: a mask (m,)."""
        from scipy.spatial import KDTree

        scale = float(np.abs(self.values).mean()) or 1.0
        known = np.zeros(len(other.values), bool)
        for label in np.intersect1d(self.classes, other.classes):
            rows = np.flatnonzero(other.classes == label)
            tree = KDTree(self.values[self.classes == label])
            known[rows] = tree.query(other.values[rows])[0] <= TOLERANCE * scale
        return known

    def in_other_classes(self) -> list[tuple[int, int]]:
        """Pairs of samples that are equal up to rounding but in different classes: each sample with the first equal one."""
        scale = CELL * (float(np.abs(self.values).mean()) or 1.0)
        numbers = np.random.default_rng(0).integers(2**63, size=NUMBERS)
        # a hash of the rounded values; overflow is harmless
        cells = np.round(self.values / scale).astype(np.int64) @ numbers
        _, firsts, of_rows = np.unique(cells, return_index=True, return_inverse=True)
        first = firsts[of_rows]
        rows = np.flatnonzero(self.classes[first] != self.classes)
        return list(zip(first[rows].tolist(), rows.tolist(), strict=True))

    def plus(self, other: Sketches) -> Sketches:
        """These sketches followed by the others."""
        return Sketches(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.classes, other.classes]),
        )

    def without(self, stays: np.ndarray) -> Sketches:
        """The samples of the classes in the mask `stays` (C,), with classes renumbered."""
        of_stays = stays[self.classes]
        numbers = (np.cumsum(stays) - 1).astype(np.int32)
        return Sketches(self.values[of_stays], numbers[self.classes[of_stays]])
