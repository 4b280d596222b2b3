"""NORMs that map each row independently and learn nothing."""

from __future__ import annotations

import numpy as np

from imprint.method.configuration import IDENTITY, UNIT_LENGTH
from imprint.method.normalize.registry import NORMS, Normalization


def lengths(x: np.ndarray) -> np.ndarray:
    """(n,) euclidean lengths of rows (n, d), 1 for a zero row, which has no direction."""
    length = np.linalg.norm(x, axis=1)
    return np.where(length > 0, length, 1)


def l2(x: np.ndarray) -> np.ndarray:
    """Rows (n, d) divided by their euclidean length; a zero row stays zero.

    Integers and float16 are converted to float32.
    """
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return (x / np.where(length > 0, length, 1)).astype(x.dtype, copy=False)


NORMS.add(IDENTITY, Normalization(IDENTITY, rows=lambda x: x, scale=lambda x: None))
NORMS.add(UNIT_LENGTH, Normalization(UNIT_LENGTH, rows=l2, scale=lambda x: 1 / lengths(x)))
