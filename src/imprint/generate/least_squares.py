"""Generators that see all classes at once: ridge regression on one-hot labels, and on k-means pseudo-classes.

W = (1/C) M^T (X^T X / N + lambda I)^-1 with the (pseudo-)class means as the columns of M. The matrix in brackets
depends on neither k nor the seed, so its Cholesky factor is made once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from imprint.generate import generator
from imprint.store import ProxySet


def factor(x: np.ndarray, ls_lambda: float) -> Any:
    """Cholesky factor of X^T X / N + lambda I in float64, for `scipy.linalg.cho_solve`. x: (n, d)."""
    from scipy.linalg import cho_factor

    # blocks bound the float64 copy of x
    gram = np.zeros((x.shape[1], x.shape[1]))
    for block in np.array_split(x, max(1, x.size // 2**24)):
        wide = block.astype(np.float64)
        gram += wide.T @ wide
    gram /= len(x)
    gram[np.diag_indices_from(gram)] += ls_lambda
    return cho_factor(gram, overwrite_a=True)


def solve(x: np.ndarray, groups: np.ndarray, shared: Any) -> np.ndarray:
    """(G, d) least-squares weights for groups (n,) of 0..G-1: (1/G) times the means times the inverse of the factor."""
    from scipy.linalg import cho_solve
    from scipy.sparse import csr_array

    counts = np.bincount(groups)
    sums = (
        csr_array((np.ones(len(x), np.float64), (groups, np.arange(len(x)))), shape=(len(counts), len(x))) @ x
    )
    means = sums / counts[:, None]
    return cho_solve(shared, means.T).T / len(counts)


@generator("ls", takes_k=False, sees_all_classes=True, prepare=factor)
def least_squares(x: np.ndarray, y: np.ndarray, shared: Any, clusters: None) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of the one-hot labels: the "oracle" of Westerhoff et al. 2025. Returns (C, d) and labels (C,)."""
    return solve(x, y, shared), np.arange(y.max() + 1)


@generator("kls", seeded=True, sees_all_classes=True, prepare=factor, clusters="kmeans")
def clustered_least_squares(
    x: np.ndarray, y: np.ndarray, shared: Any, clusters: ProxySet
) -> tuple[np.ndarray, np.ndarray]:
    """`ls` with the k-means clusters of each class as pseudo-classes. Returns (P, d) and their classes (P,).

    Samples go to the nearest centroid of their own class; a centroid that no sample is nearest to (one that
    coincides with another) is left out.
    """
    groups = np.empty(len(x), np.int64)
    for label in np.unique(clusters.labels):
        of_class = np.flatnonzero(clusters.labels == label)
        centroids = clusters.values[of_class]
        rows = np.flatnonzero(y == label)
        half_squares = np.einsum("pd,pd->p", centroids, centroids) / 2
        groups[rows] = of_class[(half_squares - x[rows] @ centroids.T).argmin(axis=1)]
    used, groups = np.unique(groups, return_inverse=True)
    return solve(x, groups, shared), clusters.labels[used]
