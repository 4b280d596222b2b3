"""Triangular systems with many right-hand sides, solved by products with the inverse."""

from __future__ import annotations

import numpy as np

from imprint.method.blas import multiply_lower


class Triangular:
    """Solver for a lower triangular matrix L (D, D) and rows of right-hand sides, in place, in float64.

    The inverse is computed once. BLAS multiplies by its lower half only; LAPACK, which divides row by row, takes more than
    twice as long.

    Examples
    --------
    >>> rows = np.array([[2.0, 5.0]])
    >>> Triangular(np.array([[2.0, 0.0], [1.0, 4.0]])).solve(rows)
    >>> rows
    array([[1., 1.]])
    """

    def __init__(self, factor: np.ndarray) -> None:
        from scipy.linalg.lapack import dtrtri

        inverse, _ = dtrtri(factor, lower=1)
        self._inverse = np.ascontiguousarray(inverse)

    def solve(self, rows: np.ndarray) -> None:
        """Replace each row b of `rows` (n, D), C-contiguous, by the solution x of L x = b."""
        multiply_lower(self._inverse, rows, transposed=False)

    def solve_transposed(self, rows: np.ndarray) -> None:
        """Replace each row b of `rows` (n, D), C-contiguous, by the solution x of L^T x = b."""
        multiply_lower(self._inverse, rows, transposed=True)
