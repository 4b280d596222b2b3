"""The scale of embeddings: 1 or, if float32 cannot hold their squares, a power of two, which changes no digit."""

from __future__ import annotations

import math

import numpy as np

from imprint.errors import UserError
from imprint.method.large_arrays import by_rows

SMALLEST, LARGEST = 1e-15, 1e15  # float32 holds the squares of values in between, and their sums
MOST_EXPONENT = 126  # of two: float32 holds 2**126 and 2**-126 with all digits


def largest_of(x: np.ndarray) -> float:
    """The largest absolute value of embeddings (n, d), or 0 if there are none.

    Examples
    --------
    >>> largest_of(np.array([[1.0, -2.0]]))
    2.0
    """
    return max(float(x.max(initial=0)), -float(x.min(initial=0)))


def scale_of(largest: float) -> float:
    """The factor for embeddings whose largest training value is `largest`: 1, or a power of two.

    Examples
    --------
    >>> scale_of(1000.0), scale_of(2.0**60), scale_of(2.0**-60)
    (1.0, 4.336808689942018e-19, 5.764607523034235e+17)
    """
    if not largest or SMALLEST <= largest <= LARGEST:
        return 1.0
    exponent: int = math.frexp(largest)[1]
    return 2.0 ** -max(-MOST_EXPONENT, min(exponent, MOST_EXPONENT))


def is_scale(value: object) -> bool:
    """Whether a value is a possible result of `scale_of`.

    Examples
    --------
    >>> is_scale(0.5), is_scale(0.3), is_scale("1")
    (True, False, False)
    """
    if not isinstance(value, float) or not 2.0**-MOST_EXPONENT <= value <= 2.0**MOST_EXPONENT:
        return False
    return math.frexp(value)[0] == 0.5


def scaled(x: np.ndarray, scale: float) -> np.ndarray:
    """Embeddings (n, d) multiplied by `scale`, a result of `scale_of`; x itself for 1."""
    return x if scale == 1 else by_rows(lambda rows: rows * np.float32(scale), x)


def check_held(where: str, largest: float) -> None:
    """Raise a `UserError` if float32 does not hold the largest value of embeddings with all its digits."""
    limits = np.finfo(np.float32)
    if largest and not float(limits.tiny) <= largest <= float(limits.max):
        raise UserError(
            f"{where}: the largest value of an embedding is {largest:.3g}; single precision holds values between "
            f"{limits.tiny:.3g} and {limits.max:.3g}. Divide all embeddings, of training and of test, by one number"
        )


def check_scale(where: str, largest: float, scale: float) -> None:
    """Raise a `UserError` if embeddings are far larger or smaller than the training embeddings, whose scale is `scale`."""
    check_held(where, largest)
    if largest and not SMALLEST <= largest * scale <= LARGEST:
        raise UserError(
            f"{where}: the largest value of an embedding is {largest:.3g}; with these training embeddings single precision "
            f"allows values between {SMALLEST / scale:.3g} and {LARGEST / scale:.3g}. Embed both with the same FM, and "
            "divide both by the same number"
        )
