"""Two routines of BLAS for which numpy has no function, called so that threads run in parallel.

`scipy.linalg.blas` has them too, but holds Python's global lock during a call, so that threads wait for each other. These
are the same routines of the same library, with the same digits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np


class AddedProduct:
    """Adds factor * x columns^T for some rows of x to `out`, in place; numpy would round the product before adding it.

    The arrays are float32 and contiguous. The arguments of a call are prepared once, because a call may be short.

    Parameters
    ----------
    factor : float
        Factor of the product.
    x : ndarray of shape (N, D)
        Rows.
    columns : ndarray of shape (P, D)
        Columns.
    out : ndarray of shape (n, P)
        The array to add to.

    Examples
    --------
    >>> x, out = np.array([[0, 0], [3, 4]], np.float32), np.ones((1, 1), np.float32)
    >>> AddedProduct(-2.0, x, np.array([[1, 2]], np.float32), out).add_rows(1)
    >>> out
    array([[-21.]], dtype=float32)
    """

    def __init__(self, factor: float, x: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
        (self._last, d), count = x.shape, len(columns)
        self._height = len(out)
        _check(np.float32, (x, x.shape), (columns, (count, d)), (out, (self._height, count)))
        self._arrays = x, columns, out  # keeps them alive: BLAS has their addresses only
        self._first, self._stride = x.ctypes.data, x.strides[0]
        depth = _integer(d)
        # BLAS stores arrays by columns, so it gets the transposes
        self._before = (
            b"T", b"N", _integer(count), _integer(self._height), depth, _single(factor),
            columns.ctypes.data, depth,
        )  # fmt: skip
        self._after = depth, _single(1.0), out.ctypes.data, _integer(count)
        self._multiply = _routine("sgemm", 13)

    def add_rows(self, first: int) -> None:
        """Add the product of as many rows of x as `out` has, starting at row `first`."""
        if not 0 <= first <= self._last - self._height:
            raise ValueError(f"there are no {self._height} rows from {first} on")
        self._multiply(*self._before, self._first + first * self._stride, *self._after)


def multiply_lower(matrix: np.ndarray, rows: np.ndarray, *, transposed: bool) -> None:
    """Multiply each row by a lower triangular matrix, or by its transpose, in place, at half the cost of a full product.

    Parameters
    ----------
    matrix : ndarray of shape (D, D)
        Float64 or float32; values above the diagonal are not read.
    rows : ndarray of shape (n, D)
        Of the same type.
    transposed : bool
        Whether to multiply by the transpose.

    Examples
    --------
    >>> rows = np.array([[1.0, 10.0]])
    >>> multiply_lower(np.array([[2.0, 0.0], [1.0, 3.0]]), rows, transposed=False)
    >>> rows
    array([[ 2., 31.]])
    """
    n, d = rows.shape
    single = matrix.dtype == np.float32
    name, one = ("strmm", _single(1.0)) if single else ("dtrmm", _double(1.0))
    _check(np.float32 if single else np.float64, (matrix, (d, d)), (rows, (n, d)))
    # BLAS sees the transpose, an upper triangular matrix
    _routine(name, 11)(
        b"L", b"U", b"N" if transposed else b"T", b"N", _integer(d), _integer(n), one,
        matrix.ctypes.data, _integer(d), rows.ctypes.data, _integer(d),
    )  # fmt: skip


def _check(dtype: type, *arrays: tuple[np.ndarray, tuple[int, int]]) -> None:
    """Check types and shapes: BLAS does not, and would read and write elsewhere."""
    for array, shape in arrays:
        if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
            raise ValueError(
                f"{array.dtype} {array.shape} is no contiguous array of {shape} of {dtype}"
            )


def _integer(value: int) -> object:
    return ctypes.byref(ctypes.c_int(value))


def _single(value: float) -> object:
    return ctypes.byref(ctypes.c_float(value))


def _double(value: float) -> object:
    return ctypes.byref(ctypes.c_double(value))


@cache
def _routine(name: str, arguments: int) -> Callable[..., None]:
    """A BLAS routine by name, from `scipy.linalg.cython_blas` (meant for compiled code); ctypes releases the lock."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
    # own prototypes: other code may have changed the types of those in ctypes.pythonapi
    of_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)
    of_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    signature = of_name(("PyCapsule_GetName", ctypes.pythonapi))(capsule)
    address = of_pointer(("PyCapsule_GetPointer", ctypes.pythonapi))(capsule, signature)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(address)
