"""Compiled loop for sums by group."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def add_rows(x: np.ndarray, groups: np.ndarray, sums: np.ndarray) -> None:  # pragma: no cover
    """Add each row x[i] to sums[groups[i]], in order and in place. x: (n, d). groups: (n,). sums: (G, d)."""
    for i in range(len(x)):
        for t in range(x.shape[1]):
            sums[groups[i], t] += x[i, t]
