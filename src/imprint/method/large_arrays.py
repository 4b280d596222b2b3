"""Arrays of float32 rows that may be larger than memory.

Embeddings files are mapped, not read, where they are large, and a large array that is computed from them lies in an unnamed
file, in the folder that TMPDIR names. The operating system brings in and drops the parts that are in use, so such
arrays are used like others; only code that copies all of one at once would need memory for it. The functions here
do not.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

from imprint import formatting
from imprint.errors import UserError

LARGE = 2**31  # bytes, from which an array lies on disk
BLOCK = 2**26  # bytes that are computed at a time


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a float32 array of this shape is kept on disk."""
    return 4 * int(np.prod(shape)) >= LARGE


def new_array(shape: tuple[int, int]) -> np.ndarray:
    """A float32 array to be filled, in memory or, where it is large, in an unnamed file that ends with it.

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
            os.posix_fallocate(
                file.fileno(), 0, size
            )  # a full disk is told now, and not by a signal later
        except OSError as error:
            raise UserError(
                f"{tempfile.gettempdir()} has no room for an array of {formatting.size(size)} ({error.strerror}); set TMPDIR to a "
                "folder on a disk that has"
            ) from None
        return np.asarray(np.memmap(file, np.float32, "r+", shape=shape))


def row_blocks(x: np.ndarray) -> Iterator[slice]:
    """Slices of the rows of x (n, d), each of a bounded number of bytes."""
    height = max(1, BLOCK // max(1, x.shape[1] * x.itemsize))
    for top in range(0, len(x), height):
        yield slice(top, min(top + height, len(x)))


def take_rows(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows (n,), ascending, of x (N, d): a copy, or x itself where it is large and they are all.

    A copy, as a user's component may compute in place.

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


def by_rows(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """`function` of x (n, d), which maps each row alone; block by block where x is large.

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
