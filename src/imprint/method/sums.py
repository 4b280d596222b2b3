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
        add_rows(x, groups, sums)
        return sums, counts
    from scipy.sparse import csr_array

    members = csr_array(
        (np.ones(len(x), np.float64), (groups, np.arange(len(x)))), shape=(len(counts), len(x))
    )
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
    return scatter(about_means(x, y))


def about_means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Samples x (n, d) float32 less the means of their classes y (n,)."""
    sums, counts = group_sums(x, y)
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return x - means[y]


def eigenpairs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (r,) and eigenvectors (d, r) of x^T x that are not zero, for rows x (n, d), n or d small."""
    n, d = x.shape
    if n < d:
        values, left = np.linalg.eigh((x @ x.T).astype(np.float64))
    else:
        values, vectors = np.linalg.eigh(scatter(x))
    kept = values > SMALLEST * max(values[-1], 0)
    values = values[kept]
    if n < d:
        return values, (x.T @ (left[:, kept] / np.sqrt(values)).astype(np.float32)).astype(
            np.float32
        )
    return values, vectors[:, kept].astype(np.float32)
