"""Compiled loop of k-means: the nearest centroid of each sample, and the sums of the samples of each centroid."""

from __future__ import annotations

import numpy as np
from numba import njit

ROUNDS = 300  # largest number of rounds
# state of a run after a round; a run with an empty cluster fails
GOES_ON, ENDED, FAILED = range(3)


# With a signature it is ready after the import. A first call would take a hundred times as long as the next, and the times of
# small fits are shown.
@njit(
    "void(float32[:, ::1], float32[:, ::1], int64[::1], int32[:, ::1], int64, int64, float32[:, ::1], int64[::1], int64[::1])",
    nogil=True,
    cache=True,
)
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

    Columns firsts[r] to firsts[r + 1] of half_distances (n, K), rows of `sums` (K, d) and values of `counts` (K,) are the
    centroids of fit r. Its labels are labels[run + r, row : row + n]; `moved` (R,) counts those that change. Of equal
    distances the first is taken. Samples are added in order, one by one, so that the sums have the same digits as in any
    program that does so.
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
