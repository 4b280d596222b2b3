"""Labels of samples as users pass them, and as a head stores them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence, Set
from numbers import Number
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.formatting import class_name, listed


def checked_labels(y: Any) -> Any:
    """Labels, those of a nullable type of pandas as an array, which scikit-learn would turn into float.

    Raises
    ------
    UserError
        If some are missing or of other types, which numpy would turn into texts such as 'nan'.
    """
    if getattr(y, "ndim", 1) != 1:
        return y
    missing: Any = ()
    if hasattr(y, "isna"):  # of pandas
        missing = np.flatnonzero(y.isna())
    elif isinstance(y, list | tuple) or getattr(y, "dtype", None) == np.dtype(object):
        missing = [i for i, label in enumerate(y) if _is_missing(label)]
    if len(missing):
        raise UserError(
            f"y: {len(missing)} of {len(y)} labels are missing (number {listed(missing)}, from 0)"
        )
    if isinstance(y, list | tuple):
        _check_types(y)
    nullable = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    return y if nullable is None else y.to_numpy(nullable)


def in_order(labels: Any) -> Any:
    """Labels, those of a set or of the keys of a mapping as a list, which numpy needs."""
    return list(labels) if isinstance(labels, Set) else labels


def check_targets(y: np.ndarray) -> None:
    """Check that labels (n,) name classes; a `UserError` if they are bytes, or of types that have no common order."""
    if y.dtype.kind in "SO":
        _check_types(y.tolist())
    from sklearn.utils.multiclass import check_classification_targets

    with warnings.catch_warnings():
        # few samples of many classes are what imprinting is for
        warnings.filterwarnings("ignore", "The number of unique classes is greater")
        check_classification_targets(y)


def require_same_kind(labels: np.ndarray, classes: np.ndarray) -> None:
    """A `UserError` if new labels (n,) are texts, numbers or truth values and the classes of a head (C,) are not."""
    if len(labels) and len(classes) and _kind(labels) != _kind(classes):
        raise UserError(
            f"labels {labels[:3].tolist()} have another type than the classes of the head, {classes[:3].tolist()}"
        )


def as_type_of(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Numbers (n,) as integers if the classes of a head (C,) are integers, which floats would replace; others unchanged.

    Raises
    ------
    UserError
        If no integers hold both.
    """
    kinds = labels.dtype.kind + classes.dtype.kind
    if kinds not in ("fi", "fu", "iu", "ui") or np.result_type(labels, classes).kind != "f":
        return labels
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.uint64 if classes.dtype == np.uint64 else np.int64)
    if (whole != labels).any():
        raise UserError(
            f"labels {labels[:3].tolist()} are {labels.dtype}, and no integers hold both these and the classes of the head, which "
            f"are {classes.dtype}"
        )
    return whole


def _kind(labels: np.ndarray) -> type:
    label = labels[0]
    kinds = (str, (bool, np.bool_), (Number, np.generic))
    return next((kind for kind in kinds if isinstance(label, kind)), type(label))  # type: ignore[return-value]


def _check_types(labels: Sequence[Any]) -> None:
    types = set(map(type, labels))
    if any(issubclass(kind, bytes) for kind in types):
        raise UserError("y: labels are bytes; make them texts, such as y.astype(str)")
    families = (str, (Number, np.generic), object)
    if len({next(f for f in families if issubclass(kind, f)) for kind in types}) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in types))
        raise UserError(
            f"y: labels of different types, {names}, have no order; make them all texts or all numbers"
        )


def _is_missing(label: Any) -> bool:
    """Whether a label is None, NaN, or pandas' NA or NaT. NaN and NaT do not equal themselves; comparing NA fails."""
    try:
        if isinstance(label, str):
            return False
        return label is None or (np.ndim(label) == 0 and bool(label != label))
    except TypeError:
        return True


def class_numbers(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The indices of labels (n,) in `classes` (C,), which need not be sorted; -1 for unknown labels."""
    if not len(classes):
        return np.full(len(labels), -1)
    if object in (classes.dtype, labels.dtype):  # perhaps of types without an order
        index = {label: number for number, label in enumerate(classes.tolist())}
        return np.array([index.get(label, -1) for label in labels.tolist()], np.int64)
    order = np.argsort(classes)
    positions = np.searchsorted(classes, labels, sorter=order)
    numbers = order[np.minimum(positions, len(classes) - 1)]
    return np.where(classes[numbers] == labels, numbers, -1)


def renumbered(classes: np.ndarray, stays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove classes: a mask (n,) of the samples that remain, and their class numbers, anew without gaps.

    classes: (n,) class numbers of samples or proxies. stays: (C,) mask of the classes that remain.

    Examples
    --------
    >>> renumbered(np.array([0, 1, 2, 2]), np.array([True, False, True]))
    (array([ True, False,  True,  True]), array([0, 1, 1]))
    """
    kept = stays[classes]
    return kept, (np.cumsum(stays) - 1)[classes[kept]]


def as_labels(names: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The labels (n,) of class names, in the type of the labels of a head, `classes` (C,).

    Raises
    ------
    UserError
        If the labels of the head are numbers, and the name of a new class is none.
    """
    kind = classes.dtype.kind
    if kind == "U":
        return names
    known = {class_name(label): label for label in classes.tolist()}
    new = [name for name in np.unique(names).tolist() if name not in known]
    try:
        if kind == "b" and new:
            raise ValueError
        as_label = str if kind == "O" else classes.dtype.type
        known |= {name: as_label(name) for name in new}
        if any(name not in _spellings(known[name]) for name in new):  # 07 is another class than 7
            raise ValueError
    except (ValueError, OverflowError):
        raise UserError(
            f"the labels of this head are {classes.dtype} ({listed(classes)}), which {listed(new)} cannot be; rename the new classes, "
            "or fit the head again with labels that are text"
        ) from None
    return np.array([known[name] for name in names.tolist()], classes.dtype)


def _spellings(label: Any) -> set[str]:
    """The names of a label: that of a float32 may have its own digits, or all those of float64."""
    if not isinstance(label, np.floating):
        return {class_name(label)}
    return {class_name(label.item()), class_name(float(str(label)))}


def plain_labels(classes: np.ndarray, purpose: str) -> list[str | int | float]:
    """Labels as JSON values; a `UserError` that names the purpose if JSON cannot hold them."""
    plain: list[Any] = classes.tolist()
    if not all(isinstance(label, str | int | float) for label in plain):
        raise UserError(
            f"{purpose}: JSON cannot hold labels of type {type(plain[0]).__name__}; use text or numbers"
        )
    return plain
