"""Conversion and checks of embeddings, weights and ids that users pass; `labels` has those of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.scale import check_held, check_scale, largest_of, scale_of


def as_numpy(values: Any) -> Any:
    """Convert a torch tensor to an array; return anything else unchanged."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    is_short = values.is_floating_point() and values.element_size() < 8
    return (values.float() if is_short else values).numpy()


def as_array(values: Any) -> np.ndarray:
    """Labels or ids as an array that holds all digits of whole numbers, of which numpy turns some lists into floats.

    Examples
    --------
    >>> as_array([5, 2**63 + 1])
    array([                  5, 9223372036854775809], dtype=uint64)
    """
    array = np.asarray(values)
    if array.dtype.kind != "f" or not isinstance(values, list | tuple):
        return array
    if not all(isinstance(value, int | np.integer) for value in values):
        return array
    whole = [int(value) for value in values]  # also those of numpy, which JSON cannot hold
    return np.array(whole, np.uint64 if min(whole, default=0) >= 0 else object)


def as_classifier_weights(fm_classifier: Any, d: int | None = None) -> np.ndarray | None:
    """The weights of an FM's own classifier as float32, or None; a `UserError` if they are no (C, d) finite numbers."""
    if fm_classifier is None:
        return None
    try:
        with np.errstate(over="ignore"):
            weights = np.asarray(as_numpy(fm_classifier), np.float32)
    except (TypeError, ValueError):
        raise UserError("fm_classifier is not an array of numbers of shape (C, D)") from None
    if weights.ndim != 2 or not weights.size or d not in (None, weights.shape[1]):
        raise UserError(
            f"fm_classifier has shape {weights.shape}; it must be (C, {d or 'D'}), the weights of the FM's own classifier"
        )
    if not np.isfinite(weights).all():
        raise UserError("fm_classifier holds NaN or numbers that float32 cannot hold")
    return weights


def checked_scale(as_passed: Any, x: np.ndarray, scale: float | None) -> float:
    """The scale of embeddings.

    Parameters
    ----------
    as_passed : array
        The embeddings that the user passed.
    x : ndarray of shape (n, D)
        The same in float32.
    scale : float or None
        Scale of the training embeddings; None if these are the training embeddings.

    Raises
    ------
    UserError
        If float32 cannot hold them, alone or at the scale of the training embeddings.
    """
    largest = largest_of(x)
    if not largest and np.any(as_passed):
        check_held("X", largest_of(np.asarray(as_passed, np.float64)))
    scale = scale_of(largest) if scale is None else scale
    check_scale("X", largest, scale)
    return scale


def checked_ids(sample_ids: Sequence[Any] | None, first: int, count: int) -> np.ndarray:
    """Ids of samples (count,); instead of None, consecutive numbers from `first`."""
    ids = np.arange(first, first + count) if sample_ids is None else as_array(sample_ids)
    if ids.shape != (count,):
        raise UserError(f"sample_ids has shape {ids.shape}; {count} samples need as many ids")
    return ids
