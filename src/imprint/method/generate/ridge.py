"""Ridge regression of one-hot labels, with the penalty chosen on the training samples by leave-one-out."""

from __future__ import annotations

import numpy as np

from imprint.method import costs
from imprint.method.generate.registry import AllClasses, Generated, generator
from imprint.method.ridge import leave_one_out


@generator(
    "ridge",
    takes_k=False,
    sees_all_classes=True,
    has_bias=True,
    exact_updates=True,
    reference=True,
    operations=costs.ridge,
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
    operations=costs.ridge,
)
def balanced_ridge(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """`ridge` with the same weight for all classes, regardless of their numbers of samples."""
    fitted = leave_one_out(x, y, balanced=True)
    return Generated(fitted.weights, np.arange(len(fitted.weights)), fitted.bias)


@generator(
    "ridge_origin", takes_k=False, sees_all_classes=True, reference=True, operations=costs.ridge
)
def ridge_through_origin(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """`ridge` without intercepts."""
    fitted = leave_one_out(x, y, intercept=False)
    return Generated(fitted.weights, np.arange(len(fitted.weights)))
