"""Recognise samples that a head already contains, by a few numbers of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.estimator.labels import renumbered

NUMBERS = 4  # kept of each embedding
TOLERANCE = 1e-4  # for rounding: an image that is embedded again differs by 1e-5
MOST_DIFFERENCE = 0.02  # share of the spread by which equal samples may differ
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

    def has(self, other: Sketches, any_class: bool = False) -> np.ndarray:
        """Which of the other samples are among these, in the same class or in any: a mask (m,)."""
        from scipy.spatial import KDTree

        # Embedding an image again changes its values by a share of their size, whatever the spread. Another image differs by
        # more than MOST_DIFFERENCE of the spread
        size, spread = float(np.abs(self.values).mean()), self._spread()
        limit = max(TOLERANCE * spread, min(TOLERANCE * size, MOST_DIFFERENCE * spread))
        if any_class:
            distances: np.ndarray = KDTree(self.values).query(other.values)[0]
            return distances <= limit
        known = np.zeros(len(other.values), bool)
        for label in np.intersect1d(self.classes, other.classes):
            rows = np.flatnonzero(other.classes == label)
            tree = KDTree(self.values[self.classes == label])
            known[rows] = tree.query(other.values[rows])[0] <= limit
        return known

    def copies(self) -> np.ndarray:
        """The first sample (n,) that is equal to each up to rounding; itself for a sample without an earlier copy."""
        numbers = np.random.default_rng(0).integers(2**63, size=NUMBERS)
        # a hash of the rounded values; overflow is harmless
        rounded = np.round((self.values - self._mean()) / (CELL * self._spread()))
        cells = rounded.astype(np.int64) @ numbers
        _, firsts, of_rows = np.unique(cells, return_index=True, return_inverse=True)
        first: np.ndarray = firsts[of_rows]
        return first

    def _mean(self) -> np.ndarray:
        return self.values.mean(axis=0, dtype=np.float64)

    def _spread(self) -> float:
        """The mean absolute deviation from the mean of each projection: what all samples share does not tell them apart."""
        spread = float(np.abs(self.values - self._mean()).mean())
        return spread or float(np.abs(self.values).mean()) or 1.0

    def plus(self, other: Sketches) -> Sketches:
        """These sketches followed by the others."""
        return Sketches(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.classes, other.classes]),
        )

    def keeping(self, stays: np.ndarray) -> Sketches:
        """The samples of the classes in the mask `stays` (C,), with classes renumbered."""
        kept, numbers = renumbered(self.classes, stays)
        return Sketches(self.values[kept], numbers.astype(np.int32))
