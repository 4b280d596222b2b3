"""Sums by class, which give exact means and covariances. Classes can be added and removed, and samples added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from imprint.method.holdout import rows_by_class
from imprint.method.sums import eigenpairs_of, scatter

STORED_ROOT_VALUES = 2**26  # `bounded` pools the classes if `roots` has more
MOST_ROOT_VALUES = 2**29  # with more, `of` pools the classes at once


@dataclass(frozen=True)
class ClassSums:
    """Counts, means and scatters of the embeddings of each class.

    Attributes
    ----------
    counts : ndarray of shape (C,)
        Samples of each class.
    means : ndarray of shape (C, d)
        Their means, float64.
    roots : ndarray of shape (r, d)
        R with R^T R the within-class scatter, float32. Rows are grouped by class: for each class its centred samples or, if
        these are more than d, at most d rows with the same scatter.
    sizes : ndarray of shape (C,) or (1,)
        Number of rows of `roots` for each class, or of all together if there were too many and the classes were pooled.
    """

    counts: np.ndarray
    means: np.ndarray
    roots: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, classes: int) -> Self:
        """The sums of embeddings x (n, d) with labels y (n,) below `classes`; a class may be empty.

        All classes share one scatter if separate ones would be too large.
        """
        d = x.shape[1]
        counts = np.bincount(y, minlength=classes)
        means, roots = np.zeros((classes, d)), [x[:0]] * classes
        pooled = (
            np.zeros((d, d)) if d * int(np.minimum(counts, d).sum()) > MOST_ROOT_VALUES else None
        )
        for label, members in enumerate(rows_by_class(y)):
            rows = x[members]
            if len(rows):
                means[label] = rows.mean(axis=0, dtype=np.float64)
                rows -= means[label].astype(np.float32)
                if pooled is None:
                    roots[label] = _reduced(rows)
                else:
                    pooled += scatter(rows)
        if pooled is None:
            return cls._from_roots(counts, means, roots)
        return cls._from_roots(counts, means, [_root(pooled)])

    @classmethod
    def _from_roots(cls, counts: np.ndarray, means: np.ndarray, roots: list[np.ndarray]) -> Self:
        return cls(counts, means, np.concatenate(roots), np.array([len(root) for root in roots]))

    def bounded(self) -> ClassSums:
        """The sums as they are stored: with one scatter of all classes if separate ones are too large."""
        if not self.by_class or len(self.counts) == 1 or self.roots.size <= STORED_ROOT_VALUES:
            return self
        together = _reduced(self.roots)
        return ClassSums(self.counts, self.means, together, np.array([len(together)]))

    @property
    def by_class(self) -> bool:
        """Whether each class has a scatter of its own."""
        return len(self.sizes) == len(self.counts)

    @property
    def total(self) -> int:
        """Samples of all classes."""
        return int(self.counts.sum())

    def plus(self, other: ClassSums) -> ClassSums:
        """The sums of both sets of samples, `bounded`; `other` has the same classes and possibly more."""
        classes, known = len(other.counts), len(self.counts)
        counts, means = other.counts.copy(), other.means.copy()
        these, others = self._roots_by_class(classes), other._roots_by_class(classes)
        for label in range(known):
            n, m = int(self.counts[label]), int(other.counts[label])
            counts[label] = n + m
            if not m:
                means[label] = self.means[label]
                continue
            shift = self.means[label] - other.means[label]
            means[label] = (n * self.means[label] + m * other.means[label]) / (n + m)
            between = (np.sqrt(n * m / (n + m)) * shift)[None].astype(np.float32)
            others[label] = _reduced(np.concatenate([others[label], between]))
        roots = [np.concatenate(pair) for pair in zip(these, others, strict=True)]
        if not (self.by_class and other.by_class):
            roots = [np.concatenate(roots)]
        together = self._from_roots(counts, means, [_reduced(root) for root in roots])
        return together.bounded()

    def keeping(self, stays: np.ndarray) -> ClassSums:
        """The sums of the classes selected by a mask (C,); each class must have its own scatter."""
        roots = [
            root for root, stay in zip(self._roots_by_class(len(stays)), stays, strict=True) if stay
        ]
        return self._from_roots(self.counts[stays], self.means[stays], roots)

    def _roots_by_class(self, classes: int) -> list[np.ndarray]:
        """The roots of each of `classes` classes; pooled roots are those of the first."""
        roots = np.split(self.roots, np.cumsum(self.sizes)[:-1])
        return roots + [self.roots[:0]] * (classes - len(roots))

    def scatter_within(self) -> np.ndarray:
        """(d, d) float64 scatter of the samples about the means of their classes."""
        return scatter(self.roots)

    def scatter_between(self) -> np.ndarray:
        """(d, d) float64 scatter of the class means about the mean of all samples, weighted by their numbers of samples."""
        shift = (self.means - self.mean) * np.sqrt(self.counts)[:, None]
        return scatter(shift.astype(np.float32))

    def root_about(self, point: np.ndarray, class_weights: np.ndarray | None = None) -> np.ndarray:
        """R (r, d) float32 with R^T R the scatter of all samples about a point (d,).

        class_weights: (C,) weight of a sample of each class, 1 by default; each class must have its own scatter.
        """
        shift, roots = (self.means - point) * np.sqrt(self.counts)[:, None], self.roots
        if class_weights is not None:
            factors = np.sqrt(class_weights)[:, None]
            shift = factors * shift
            roots = roots * np.repeat(factors.astype(np.float32), self.sizes, axis=0)
        return np.concatenate([roots, shift.astype(np.float32)])

    @property
    def mean(self) -> np.ndarray:
        """(d,) mean of all samples."""
        return self.counts @ self.means / self.total

    def arrays(self) -> dict[str, np.ndarray]:
        """The sums by name, for files."""
        return {f"class_{name}": array for name, array in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self | None:
        """The sums from the result of `arrays`; None if they are not among these arrays."""
        names = {name: f"class_{name}" for name in cls.__dataclass_fields__}
        if not arrays.keys() >= set(names.values()):
            return None
        return cls(**{name: arrays[key] for name, key in names.items()})


def _reduced(root: np.ndarray) -> np.ndarray:
    """At most d rows with the same scatter as `root` (r, d)."""
    if len(root) <= root.shape[1]:
        return root
    return _root(scatter(root))


def _root(total: np.ndarray) -> np.ndarray:
    """R (r, d) float32, r at most d, with R^T R the scatter `total` (d, d)."""
    try:
        factor: np.ndarray = np.linalg.cholesky(total).T.astype(np.float32)
    except np.linalg.LinAlgError:  # some features are constant, or combinations of others
        values, vectors = eigenpairs_of(total)
        factor = np.sqrt(values).astype(np.float32)[:, None] * vectors.T.astype(np.float32)
    return factor
