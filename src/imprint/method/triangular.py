"""Triangular systems of many right sides, solved by matrix products."""

from __future__ import annotations

import numpy as np

STEP = 128  # unknowns that are solved for at once


class Triangular:
    """Solves with a lower triangular matrix L (D, D) for rows of right sides, in place, in float64.

    The blocks on the diagonal are inverted once, so that all else is matrix products: in LAPACK, which divides row by
    row, it takes half as long again.

    Examples
    --------
    >>> rows = np.array([[2.0, 5.0]])
    >>> Triangular(np.array([[2.0, 0.0], [1.0, 4.0]])).solve(rows)
    >>> rows
    array([[1., 1.]])
    """

    def __init__(self, factor: np.ndarray) -> None:
        self._factor = factor
        self._blocks = []
        for first in range(0, len(factor), STEP):
            block = slice(first, min(first + STEP, len(factor)))
            self._blocks.append((block, np.linalg.inv(factor[block, block])))

    def solve(self, rows: np.ndarray) -> None:
        """Replace each row b of (n, D) by the x with L x = b."""
        for block, inverse in self._blocks:
            known = rows[:, : block.start] @ self._factor[block, : block.start].T
            rows[:, block] = (rows[:, block] - known) @ inverse.T

    def solve_transposed(self, rows: np.ndarray) -> None:
        """Replace each row b of (n, D) by the x with L^T x = b."""
        for block, inverse in reversed(self._blocks):
            known = rows[:, block.stop :] @ self._factor[block.stop :, block]
            rows[:, block] = (rows[:, block] - known) @ inverse
