"""Ridge regression of one-hot labels, with the penalty chosen on the training samples by leave-one-out."""

from __future__ import annotations

from typing import Any

import numpy as np

from imprint.method import costs
from imprint.method.generate.registry import AllClasses, Generated, generator
from imprint.method.ridge import leave_one_out

RIDGE: dict[str, Any] = {
    "takes_k": False,
    "sees_all_classes": True,
    "reference": True,
    "operations": costs.ridge,
}


def _fitted(x: np.ndarray, y: np.ndarray, **options: Any) -> Generated:
    fitted = leave_one_out(x, y, **options)
    return Generated(fitted.weights, np.arange(len(fitted.weights)), fitted.bias)


@generator("ridge", has_bias=True, exact_updates=True, **RIDGE)
def ridge(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """Weights and intercepts of `imprint.method.ridge.leave_one_out`, one proxy per class."""
    return _fitted(x, y)


@generator("ridge_balanced", has_bias=True, **RIDGE)
def balanced_ridge(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """`ridge` with the same weight for all classes, regardless of their numbers of samples."""
    return _fitted(x, y, balanced=True)


@generator("ridge_origin", **RIDGE)
def ridge_through_origin(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """`ridge` without intercepts."""
    return _fitted(x, y, intercept=False)
