"""Triangular systems are solved as LAPACK solves them."""

import numpy as np
import pytest
from scipy.linalg import cholesky, solve_triangular

from imprint.method.triangular import Triangular


@pytest.mark.parametrize("d", [1, 100, 300])
def test_solutions_are_lapacks(d):
    rng = np.random.default_rng(d)
    samples, rows = rng.normal(size=(2 * d, d)), rng.normal(size=(7, d))
    factor = cholesky(samples.T @ samples / d + 1e-6 * np.eye(d), lower=True)
    system, forward, backward = Triangular(factor), rows.copy(), rows.copy()
    system.solve(forward)
    system.solve_transposed(backward)
    exact = solve_triangular(factor, rows.T, lower=True).T
    np.testing.assert_allclose(forward, exact, rtol=1e-9, atol=1e-12)
    exact = solve_triangular(factor, rows.T, lower=True, trans="T").T
    np.testing.assert_allclose(backward, exact, rtol=1e-9, atol=1e-12)
