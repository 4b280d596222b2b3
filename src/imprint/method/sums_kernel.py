"""The compiled loop of sums by group."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def add_rows(x: np.ndarray, groups: np.ndarray, sums: np.ndarray) -> None:  # pragma: no cover
    """Add each row of x (n, d), in their order, to that row of `sums` (G, d) which groups (n,) names, in place."""
    for i in range(len(x)):
        for t in range(x.shape[1]):
            sums[groups[i], t] += x[i, t]
