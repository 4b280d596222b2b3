"""Generators that see all classes at once: ridge regression on one-hot labels, and on k-means pseudo-classes.

W = (1/C) M^T (X^T X / N + lambda I)^-1 with the (pseudo-)class means as the columns of M. The matrix in brackets
depends on neither k nor the seed, so its Cholesky factor is computed once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from imprint.method import costs
from imprint.method.generate.registry import AllClasses, generator
from imprint.method.proxies import ProxySet
from imprint.method.sums import group_sums


def gram(x: np.ndarray) -> np.ndarray:
    """X^T X (d, d) in float64. x: (n, d)."""
    # in blocks, to limit the float64 copy of x
    total = np.zeros((x.shape[1], x.shape[1]))
    for block in np.array_split(x, max(1, x.size // 2**24)):
        wide = block.astype(np.float64)
        total += wide.T @ wide
    return total


def factored(total: np.ndarray, n: int, ls_lambda: float) -> Any:
    """Cholesky factor of total / n + lambda I for `scipy.linalg.cho_solve`. total: (d, d) X^T X of n samples."""
    from scipy.linalg import cho_factor

    matrix = total / n
    diagonal = np.diag_indices_from(matrix)
    # for large embeddings lambda may be smaller than rounding errors, and the matrix would have no factor
    matrix[diagonal] += max(ls_lambda, 1e-12 * matrix[diagonal].max())
    return cho_factor(matrix, overwrite_a=True)


def factor(x: np.ndarray, ls_lambda: float) -> Any:
    """Cholesky factor of X^T X / N + lambda I in float64. x: (n, d)."""
    return factored(gram(x), len(x), ls_lambda)


def weights(sums: np.ndarray, counts: np.ndarray, shared: Any) -> np.ndarray:
    """(G, d) least-squares weights: (1/G) times the means of the groups times the inverse of the factored matrix."""
    from scipy.linalg import cho_solve

    return cho_solve(shared, (sums / counts[:, None]).T).T / len(counts)


LEAST_SQUARES: dict[str, Any] = {
    "sees_all_classes": True,
    "needs_ls_lambda": True,
    "prepare": factor,
    "loads": "scipy.linalg",
    "operations": costs.least_squares_run,
    "shared_operations": costs.least_squares_shared,
}


@generator("ls", takes_k=False, exact_updates=True, **LEAST_SQUARES)
def least_squares(x: np.ndarray, y: np.ndarray, run: AllClasses) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of the one-hot labels: the "oracle" of Westerhoff et al. 2025. Returns (C, d) and labels (C,)."""
    return weights(*group_sums(x, y), run.shared), np.arange(y.max() + 1)


@generator("kls", seeded=True, clusters="kmeans", **LEAST_SQUARES)
def clustered_least_squares(
    x: np.ndarray, y: np.ndarray, run: AllClasses
) -> tuple[np.ndarray, np.ndarray]:
    """`ls` with the k-means clusters of each class as pseudo-classes. Returns (P, d) and their classes (P,)."""
    assert run.clusters is not None
    groups, labels = pseudo_classes(x, y, run.clusters)
    return weights(*group_sums(x, groups), run.shared), labels


def pseudo_classes(
    x: np.ndarray, y: np.ndarray, clusters: ProxySet
) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-classes (n,) of 0..G-1 of the samples x (n, d) with classes y (n,), and the class of each (G,).

    Each sample goes to the nearest centroid of its own class; a centroid without samples (one that coincides with
    another) is left out.
    """
    groups = np.empty(len(x), np.int64)
    for label in np.unique(clusters.labels):
        numbers = np.flatnonzero(clusters.labels == label)
        centroids = clusters.matrix(x)[numbers]
        rows = np.flatnonzero(y == label)
        mean = centroids.mean(axis=0)  # a common offset would cost digits of their differences
        centroids = centroids - mean
        centred = x[rows]
        centred -= mean
        half_squares = np.einsum("pd,pd->p", centroids, centroids) / 2
        groups[rows] = numbers[(half_squares - centred @ centroids.T).argmin(axis=1)]
    used, groups = np.unique(groups, return_inverse=True)
    return groups, clusters.labels[used]
