"""Arrays of float32 rows that may be larger than memory.

Large embeddings files are memory-mapped, and large arrays computed from them are in an unnamed file in the folder
given by TMPDIR. The operating system loads and drops the parts in use, so such arrays are used like others. Only
code that copies a whole array needs memory for it; the functions here do not.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

import numpy as np

from imprint import formatting
from imprint.errors import UserError

LARGE = 2**31  # bytes from which an array is kept on disk
BLOCK_BYTES = 2**26  # bytes computed at a time
MOST_SCORES = 2**24  # class scores held at a time


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a float32 array of this shape is kept on disk."""
    return 4 * int(np.prod(shape)) >= LARGE


def new_array(shape: tuple[int, int]) -> np.ndarray:
    """An uninitialised float32 array, in memory or, if it is large, in an unnamed file that is deleted with it.

    Raises
    ------
    UserError
        If the disk has no room for it.

    Examples
    --------
    >>> new_array((2, 3)).shape
    (2, 3)
    """
    if not is_large(shape):
        return np.empty(shape, np.float32)
    size = 4 * int(np.prod(shape))
    with tempfile.TemporaryFile() as file:
        try:
            if hasattr(os, "posix_fallocate"):  # not on macOS
                # reports a full disk now; a later write would end the process by a signal
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            raise UserError(
                f"{tempfile.gettempdir()} has no room for an array of {formatting.size(size)} ({error.strerror}); set TMPDIR to a "
                "folder on a disk with enough room"
            ) from None
        return np.asarray(np.memmap(file, np.float32, "r+", shape=shape))


def slices(n: int, height: int) -> list[slice]:
    """Slices of n rows, each of `height` rows or, at the end, fewer.

    Examples
    --------
    >>> slices(5, 3)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(top, min(n, top + height)) for top in range(0, n, height)]


def row_blocks(x: np.ndarray) -> list[slice]:
    """Slices of the rows of x (n, d), each of a bounded number of bytes."""
    return slices(len(x), max(1, BLOCK_BYTES // max(1, x.shape[1] * x.itemsize)))


def score_blocks(n: int, classes: int) -> list[slice]:
    """Slices of n samples, each with a bounded number of class scores.

    Examples
    --------
    >>> score_blocks(3, 10_000_000)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    return slices(n, max(1, MOST_SCORES // classes))


def take_rows(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The given rows (n,), ascending, of x (N, d): a copy, or x itself if it is large and all rows are taken.

    It is a copy because a user's component may compute in place.

    Examples
    --------
    >>> take_rows(np.eye(3, dtype=np.float32), np.array([2]))
    array([[0., 0., 1.]], dtype=float32)
    """
    if not is_large((len(rows), x.shape[1])):
        return x[rows]
    if len(rows) == len(x):
        return x
    result = new_array((len(rows), x.shape[1]))
    for block in row_blocks(result):
        result[block] = x[rows[block]]
    return result


def for_user(x: np.ndarray) -> np.ndarray:
    """A copy of x that a user's component may change; a view that cannot be changed if x is large."""
    if not is_large(x.shape):
        return x.copy()
    view = x.view()
    view.flags.writeable = False
    return view


def is_finite(numbers: np.ndarray) -> bool:
    """Whether all numbers are finite in float32.

    Examples
    --------
    >>> is_finite(np.array([1e38])), is_finite(np.array([1e39]))
    (True, False)
    """
    with np.errstate(over="ignore"):
        return bool(np.isfinite(numbers.astype(np.float32, copy=False)).all())


def fault(numbers: np.ndarray, shape: tuple[int, ...]) -> str:
    """What is wrong with the numbers that a user's component returned, which should be real and of a shape; empty if nothing is.

    Examples
    --------
    >>> fault(np.ones((2, 3)), (3, 2))
    'an array of shape (2, 3)'
    """
    if numbers.shape != shape:
        return f"an array of shape {numbers.shape}"
    if numbers.dtype.kind not in "fiub":
        return str(numbers.dtype)
    if np.isnan(numbers).any():
        return "NaN"
    if not is_finite(numbers[np.isfinite(numbers)]):
        return "numbers beyond float32"
    return ""


def by_rows(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Apply a function that maps each row of x (n, d) independently; block by block if x is large.

    Examples
    --------
    >>> by_rows(np.negative, np.ones((1, 2), np.float32))
    array([[-1., -1.]], dtype=float32)
    """
    if not is_large(x.shape):
        return function(x)
    result: np.ndarray | None = None
    for block in row_blocks(x):
        mapped = function(x[block])
        if result is None:
            result = new_array((len(x), mapped.shape[1]))
        result[block] = mapped
    assert result is not None
    return result
