"""Products in place have the digits of scipy's own, and arrays of other shapes are refused."""

import numpy as np
import pytest
from scipy.linalg.blas import dtrmm, sgemm, strmm

from imprint.method.blas import AddedProduct, multiply_lower


@pytest.mark.parametrize(("n", "count", "d"), [(1, 1, 1), (256, 20, 512), (7, 300, 33)])
def test_what_is_added_has_the_digits_of_scipy(n, count, d):
    rng = np.random.default_rng(n)
    x, columns, out = (
        rng.normal(size=shape).astype(np.float32) for shape in ((n + 5, d), (count, d), (n, count))
    )
    expected = out.copy()
    sgemm(-2.0, columns.T, x[3:-2].T, 1.0, expected.T, trans_a=True, overwrite_c=True)
    AddedProduct(-2.0, x, columns, out).add_rows(3)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("dtype", "of_scipy"), [(np.float64, dtrmm), (np.float32, strmm)])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("d", [1, 100, 300])
def test_triangular_products_have_the_digits_of_scipy(d, transposed, dtype, of_scipy):
    rng = np.random.default_rng(d)
    matrix, rows = (rng.normal(size=(n, d)).astype(dtype) for n in (d, 7))
    expected = of_scipy(1.0, np.tril(matrix), rows.T, lower=1, trans_a=transposed).T
    multiply_lower(matrix, rows, transposed=transposed)
    digits = 1e4 * np.finfo(dtype).eps
    np.testing.assert_allclose(rows, expected, rtol=digits, atol=digits)


def test_other_arrays_are_refused():
    x, out = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    for columns in (
        np.ones((2, 4), np.float32),
        np.ones((2, 3)),
        np.ones((2, 6), np.float32)[:, ::2],
    ):
        with pytest.raises(ValueError, match="no contiguous array"):
            AddedProduct(1.0, x, columns, out)
    with pytest.raises(ValueError, match="no 4 rows from 1 on"):
        AddedProduct(1.0, x, np.ones((2, 3), np.float32), out).add_rows(1)
    with pytest.raises(ValueError, match="no contiguous array"):
        multiply_lower(np.eye(3), np.ones((2, 4)), transposed=False)
    with pytest.raises(ValueError, match="no contiguous array"):
        multiply_lower(np.eye(3, dtype=np.float32), np.ones((2, 3)), transposed=False)
