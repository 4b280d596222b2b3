"""Sums over the samples of a training set: sums by class, and scatter matrices."""

from __future__ import annotations

import numpy as np

from imprint.method.large_arrays import slices

COMPILED = 2**22  # array size from which it pays to load the compiled loop
BLOCK_VALUES = 2**23  # values in one block of rows
SMALLEST = 1e-10  # eigenvalues below this share of the largest are rounding errors


def group_sums(x: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums (G, d) float64 of the samples x (n, d) of each group, and their counts (G,). groups: (n,) of 0..G-1."""
    counts = np.bincount(groups)
    if x.size >= COMPILED:
        from imprint.method.sums_kernel import add_rows

        sums = np.zeros((len(counts), x.shape[1]))
        add_rows(np.asarray(x), groups, sums)
        return sums, counts
    from scipy.sparse import csr_array

    members = csr_array((np.ones(len(x)), (groups, np.arange(len(x)))), (len(counts), len(x)))
    return members @ x, counts


def blocks(n: int, d: int) -> list[slice]:
    """Split n rows of d values into slices, so that temporary copies stay small."""
    return slices(n, max(1, BLOCK_VALUES // d))


def scatter(x: np.ndarray) -> np.ndarray:
    """x^T x (d, d) in float64, summed from float32 products of blocks of rows. x: (n, d) float32."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for rows in blocks(*x.shape):
        total += x[rows].T @ x[rows]
    return total


def scatter_of_classes(x: np.ndarray, y: np.ndarray, between: float) -> np.ndarray:
    """Scatter (d, d) float64 of x (n, d) float32 within its classes y (n,), plus `between` times that between classes."""
    means, shift = _class_means(x, y, between)
    total = scatter(shift)
    for rows in blocks(*x.shape):
        centred = x[rows] - means[y[rows]]
        total += centred.T @ centred
    return total


def rows_of_scatter(x: np.ndarray, y: np.ndarray, between: float) -> np.ndarray:
    """R (n + C, d) float32 with R^T R equal to the `scatter_of_classes` of x (n, d) float32."""
    means, shift = _class_means(x, y, between)
    return np.concatenate([x - means[y], shift])


def _class_means(x: np.ndarray, y: np.ndarray, between: float) -> tuple[np.ndarray, np.ndarray]:
    """Class means (C, d) of x (n, d) float32, and rows (C, d) whose scatter is `between` times the between-class scatter."""
    sums, counts = group_sums(x, y)
    means = sums / np.maximum(counts, 1)[:, None]
    shift = np.sqrt(between * counts)[:, None] * (means - sums.sum(axis=0) / len(x))
    return means.astype(np.float32), shift.astype(np.float32)


def eigenpairs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nonzero eigenvalues (r,) of x^T x and their eigenvectors (d, r), of the type of x, for x (n, d) with a small n or d."""
    n, d = x.shape
    if n < d:
        values, left = eigenpairs_of((x @ x.T).astype(np.float64))
        return values, x.T @ (left / np.sqrt(values)).astype(x.dtype)
    values, vectors = eigenpairs_of(scatter(x))
    return values, vectors.astype(x.dtype)


def eigenpairs_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nonzero eigenvalues (r,) of a scatter (d, d) and their eigenvectors (d, r), float64."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > SMALLEST * max(values[-1], 0)
    return values[kept], vectors[:, kept]
