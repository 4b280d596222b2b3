"""Ridge regression of one-hot labels whose penalty the training samples choose by leave-one-out."""

from __future__ import annotations

import numpy as np

from imprint.method.generate.registry import AllClasses, Generated, generator
from imprint.method.ridge import leave_one_out


def _operations(n: int, k: int, classes: int, d: int) -> float:
    """The scatter, the coordinates of the samples, and their errors for each penalty."""
    return 2 * 2.0 * n * d * min(n, d) + 20 * 2.0 * min(n, 20_000) * d * classes


@generator(
    "ridge",
    takes_k=False,
    sees_all_classes=True,
    has_bias=True,
    exact_updates=True,
    reference=True,
    operations=_operations,
)
def ridge(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """Weights and intercepts of `imprint.method.ridge.leave_one_out`, one proxy per class."""
    fitted = leave_one_out(x, y)
    return Generated(fitted.weights, np.arange(len(fitted.weights)), fitted.bias)


@generator(
    "ridge_balanced",
    takes_k=False,
    sees_all_classes=True,
    has_bias=True,
    reference=True,
    operations=_operations,
)
def balanced_ridge(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """`ridge` in which all classes count the same, however many samples they have."""
    fitted = leave_one_out(x, y, balanced=True)
    return Generated(fitted.weights, np.arange(len(fitted.weights)), fitted.bias)


@generator(
    "ridge_origin", takes_k=False, sees_all_classes=True, reference=True, operations=_operations
)
def ridge_through_origin(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """`ridge` without intercepts."""
    fitted = leave_one_out(x, y, intercept=False)
    return Generated(fitted.weights, np.arange(len(fitted.weights)))
