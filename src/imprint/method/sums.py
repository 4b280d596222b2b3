"""Sums over the samples of a training set: by class, and of products."""

from __future__ import annotations

import numpy as np

COMPILED = 2**22  # values from which the compiled loop saves more than it takes to load
BLOCK = 2**23  # values of one block of rows
SMALLEST = 1e-10  # eigenvalues below this share of the largest are rounding


def group_sums(x: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(G, d) float64 sums of the samples x (n, d) of each group, and their counts (G,). groups: (n,) of 0..G-1."""
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
    """Slices of n rows of d values that bound temporary copies."""
    height = max(1, BLOCK // d)
    return [slice(top, min(n, top + height)) for top in range(0, n, height)]


def scatter(x: np.ndarray) -> np.ndarray:
    """x^T x (d, d) in float64, from float32 products of bounded blocks. x: (n, d) float32."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for rows in blocks(*x.shape):
        total += x[rows].T @ x[rows]
    return total


def scatter_within(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(d, d) float64 scatter of x (n, d) float32 about the means of their classes y (n,)."""
    means, total = _means(x, y), np.zeros((x.shape[1], x.shape[1]))
    for rows in blocks(*x.shape):
        centred = x[rows] - means[y[rows]]
        total += centred.T @ centred
    return total


def about_means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Samples x (n, d) float32 less the means of their classes y (n,)."""
    means = _means(x, y)
    return x - means[y]


def _means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(C, d) float32 means of the classes y (n,) of x (n, d)."""
    sums, counts = group_sums(x, y)
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def eigenpairs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (r,) and eigenvectors (d, r) of x^T x that are not zero, for rows x (n, d), n or d small."""
    n, d = x.shape
    if n < d:
        values, left = eigenpairs_of((x @ x.T).astype(np.float64))
        return values, (x.T @ (left / np.sqrt(values)).astype(np.float32)).astype(np.float32)
    values, vectors = eigenpairs_of(scatter(x))
    return values, vectors.astype(np.float32)


def eigenpairs_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (r,) and eigenvectors (d, r), float64, of a scatter (d, d) that are not zero."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > SMALLEST * max(values[-1], 0)
    return values[kept], vectors[:, kept]
