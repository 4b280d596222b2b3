"""Checks of the arrays of proxies, heads and embeddings: types, shapes, ranges, order, finite values, the scale of a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import Configuration
from imprint.method.large_arrays import row_blocks
from imprint.method.scale import is_scale

_REMEDY = "the file is damaged or was edited; make it again"


def check_proxies(
    where: str,
    labels: np.ndarray | None,
    values: np.ndarray | None,
    samples: np.ndarray | None,
    bias: np.ndarray | None,
    classes: int | None = None,
) -> None:
    """Check the arrays of a proxy set.

    Parameters
    ----------
    where : str
        The file, for messages.
    labels : ndarray of shape (P,)
        Classes, integers from 0, ascending.
    values : ndarray of shape (P, D), or None
        Finite proxies.
    samples : ndarray of shape (P,), or None
        Rows of the training set, in place of values.
    bias : ndarray of shape (P,), or None
        Finite numbers.
    classes : int, optional
        Number of classes; labels must be smaller.

    Raises
    ------
    UserError
        On the first array that is wrong.
    """
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise _wrong(where, "it has no labels, integers of shape (P,)")
    count = len(labels)
    if (np.diff(labels) < 0).any():
        raise _wrong(where, "labels are not in ascending order")
    if labels[0] < 0 or (classes is not None and labels[-1] >= classes):
        label = labels[0] if labels[0] < 0 else labels[-1]
        known = "" if classes is None else f" and there are {classes}"
        raise _wrong(where, f"label {label} is out of range: classes count from 0{known}")
    if (values is None) == (samples is None):
        raise _wrong(where, "it needs either values or samples")
    if values is not None:
        check_numbers(where, "proxies", values, (count, None))
    if samples is not None and (
        samples.shape != (count,) or samples.dtype.kind not in "iu" or samples.min() < 0
    ):
        raise _wrong(where, f"samples are not {count} integers from 0")
    if bias is not None:
        check_numbers(where, "bias", bias, (count,))


def check_head(
    where: str,
    tensors: Mapping[str, np.ndarray],
    description: Mapping[str, Any],
) -> None:
    """Check the arrays of a head, by their names in its file, and its description.

    Raises
    ------
    UserError
        On the first entry that is wrong.
    """
    names = description["classes"]
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise _wrong(where, "its classes are not a list of names")
    if len(set(map(repr, names))) < len(names):
        raise _wrong(where, "it names a class twice")
    proxies, bias = tensors["proxies"], tensors.get("bias")
    check_proxies(where, tensors["labels"], proxies, None, bias, len(names))
    size = description.get("embedding_size", proxies.shape[1])
    if not isinstance(size, int) or size < 1:
        raise _wrong(where, f"its embedding_size {size!r} is not a positive whole number")
    if "classifier" in tensors:
        check_numbers(where, "classifier", tensors["classifier"], (None, size))
    for name, array in tensors.items():
        # a scalar may be infinite: the penalty of whitening is infinite if samples do not vary within classes
        if array.ndim and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise _wrong(where, f"{name} holds NaN or infinity")
    _check_description(where, description, size)


def _check_description(where: str, description: Mapping[str, Any], size: int) -> None:
    """Check those facts in the description of a head for embeddings of `size` values that are used without its arrays."""
    for name in ("fm", "components"):
        if not isinstance(description.get(name, {}), Mapping):
            raise _wrong(where, f"its {name} is not a mapping")
    try:
        Configuration.from_dict(description["configuration"])
    except (LookupError, TypeError, ValueError) as error:
        raise _wrong(where, f"its configuration is not valid ({error})") from None
    if not is_scale(description.get("scale", 1.0)):
        raise _wrong(where, f"its scale {description['scale']!r} is not a power of two")
    columns = description.get("columns")
    if columns is not None and (not isinstance(columns, list) or len(columns) != size):
        raise _wrong(where, f"its columns are not a list of {size} names")
    counts = description.get("class_counts")
    classes = len(description["classes"])
    if counts is not None and len(counts) != classes:
        raise _wrong(where, f"it has {classes} classes and {len(counts)} counts of samples")


def check_numbers(where: str, name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Check that an array holds finite floating point numbers of this shape; None stands for any length except 0."""
    fits = array.ndim == len(shape) and all(
        length == (wanted or length) and length
        for length, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype.kind != "f" or not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise _wrong(
            where, f"{name} are {array.dtype} {array.shape}, not floating point ({wanted})"
        )
    if not np.isfinite(array).all():
        raise _wrong(where, f"{name} hold NaN or infinity")


def checked_weights(path: object, weights: np.ndarray | None, d: int) -> np.ndarray | None:
    """The weights of an FM's own classifier in a file of embeddings with d values, as float32; None if it has none.

    Raises
    ------
    UserError
        If they are not finite numbers of shape (C, d).
    """
    if weights is None:
        return None
    numbers = weights.dtype.kind in "fiu"
    if not numbers or weights.shape[1:] != (d,) or not np.isfinite(weights).all():
        kind = f"{weights.dtype} {weights.shape}" if numbers else str(weights.dtype)
        raise UserError(f"{path}: 'classifier' is {kind}, not (C, {d}) finite numbers")
    return weights.astype(np.float32)


def not_finite(x: np.ndarray) -> np.ndarray:
    """The indices of the rows of x (n, d) that hold NaN or infinity, ascending.

    Examples
    --------
    >>> not_finite(np.array([[1.0], [np.nan]]))
    array([1])
    """
    rows = [
        block.start + np.flatnonzero(~np.isfinite(x[block]).all(axis=1)) for block in row_blocks(x)
    ]
    return np.concatenate([np.zeros(0, np.int64), *rows])


def _wrong(where: str, why: str) -> UserError:
    return UserError(f"{where}: {why}; {_REMEDY}")
