"""The compiled loop of k-means: which centroid is nearest, and sums of the samples of each."""

from __future__ import annotations

import numpy as np
from numba import njit

ROUNDS = 300  # at most
GOES_ON, ENDED, FAILED = range(
    3
)  # what becomes of a run in a round; one of which a cluster runs empty fails


@njit(nogil=True, cache=True)
def assign(
    half_distances: np.ndarray,
    x: np.ndarray,
    firsts: np.ndarray,
    labels: np.ndarray,
    run: int,
    row: int,
    sums: np.ndarray,
    counts: np.ndarray,
    moved: np.ndarray,
) -> None:  # pragma: no cover
    """Assign samples x (n, d) to the nearest centroid in each of R fits, all in place.

    Columns firsts[r] to firsts[r + 1] of half_distances (n, K), rows of `sums` (K, d) and values of `counts` (K,) are
    the centroids of fit r. Its labels are labels[run + r, row : row + n], of which `moved` (R,) counts the changes. The first
    of equal distances is taken.
    Samples are added in their order, one by one, so that sums are those of any program that does so.
    """
    n, d = x.shape
    for r in range(len(firsts) - 1):
        first, end = firsts[r], firsts[r + 1]
        for i in range(n):
            nearest = first
            least = half_distances[i, first]
            for j in range(first + 1, end):
                if half_distances[i, j] < least:
                    least = half_distances[i, j]
                    nearest = j
            if labels[run + r, row + i] != nearest - first:
                labels[run + r, row + i] = nearest - first
                moved[r] += 1
            counts[nearest] += 1
            for t in range(d):
                sums[nearest, t] += x[i, t]
