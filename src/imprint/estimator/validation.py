"""Conversion, checks and warnings for the arrays that users pass."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from numbers import Number
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.duplicates import Sketches
from imprint.formatting import class_name, listed
from imprint.method.scale import check_held, check_scale, largest_of, scale_of

COPIES = 0.05  # share of samples from which `warn_of_copies` warns of copies in one class
IMBALANCE = 10  # ratio of the largest to the smallest class from which `warn_of_counts` warns


def as_numpy(values: Any) -> Any:
    """Convert a torch tensor to an array; return anything else unchanged."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    is_short = values.is_floating_point() and values.element_size() < 8
    return (values.float() if is_short else values).numpy()


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
    """Whether a label is None, NaN, or pandas' NA or NaT: a value that does not equal itself, or is ambiguous if compared."""
    try:
        if isinstance(label, str):
            return False
        return label is None or (np.ndim(label) == 0 and bool(label != label))
    except TypeError:
        return True


def checked_ids(sample_ids: Sequence[Any] | None, first: int, count: int) -> np.ndarray:
    """Ids of samples (count,); instead of None, consecutive numbers from `first`."""
    ids = np.arange(first, first + count) if sample_ids is None else np.asarray(sample_ids)
    if ids.shape != (count,):
        raise UserError(f"sample_ids has shape {ids.shape}; {count} samples need as many ids")
    return ids


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
        if any(class_name(known[name]) != name for name in new):  # 07 is another class than 7
            raise ValueError
    except (ValueError, OverflowError):
        raise UserError(
            f"the labels of this head are {classes.dtype} ({listed(classes)}), which {listed(new)} cannot be; rename the new classes, "
            "or fit the head again with labels that are text"
        ) from None
    return np.array([known[name] for name in names.tolist()], classes.dtype)


def plain_labels(classes: np.ndarray, purpose: str) -> list[str | int | float]:
    """Labels as JSON values; a `UserError` that names the purpose if JSON cannot hold them."""
    plain: list[Any] = classes.tolist()
    if not all(isinstance(label, str | int | float) for label in plain):
        raise UserError(
            f"{purpose}: JSON cannot hold labels of type {type(plain[0]).__name__}; use text or numbers"
        )
    return plain


@cache
def warn_once(message: str) -> None:
    """Warn once per process, as a search fits many times."""
    warnings.warn(message, stacklevel=3)  # the caller of `fit`


def warn_of_equal(x: np.ndarray) -> None:
    """Warn if all samples x (n, D) have the same embedding."""
    # compare with the last row first: it nearly always differs
    if len(x) > 1 and np.array_equal(x[0], x[-1]) and (x == x[0]).all():
        warnings.warn(
            "all samples have the same embedding, so classes cannot be told apart: the images are the same, or the FM is damaged",
            stacklevel=3,
        )


def warn_of_copies(sketches: Sketches, classes: np.ndarray, ids: np.ndarray) -> None:
    """Warn of new samples, the last n of the sketches, with ids (n,), that are also in another class, or often in their own.

    classes: (C,) labels.
    """
    new = len(sketches.values) - len(ids)
    first = sketches.copies()
    rows = np.arange(new, len(first))
    copied = rows[first[new:] < rows]
    same = sketches.classes[first[copied]] == sketches.classes[copied]
    others, of_class = copied[~same], copied[same & (first[copied] >= new)]
    if len(others):
        one, other = classes[sketches.classes[[first[others[0]], others[0]]]]
        warnings.warn(
            f"{len(others)} sample{'s are' if len(others) > 1 else ' is'} in two classes, such as "
            f"{ids[others[0] - new]} in '{other}', which is also in '{one}': no head can "
            "tell which is correct",
            stacklevel=4,
        )
    if len(of_class) > COPIES * len(ids):
        warnings.warn(
            f"{len(of_class)} of {len(ids)} samples are copies of others in their class, such as {ids[of_class[0] - new]}: held-out "
            "samples are then no new ones, so that probabilities are too sure, rejection is too strict, and the choice of a method "
            "or of k is misled; keep one of each",
            stacklevel=4,
        )


def warn_of_counts(
    classes: np.ndarray, counts: np.ndarray, k: int | None, labels: np.ndarray
) -> None:
    """Warn of classes with new samples but fewer than k in all, and of imbalance.

    Parameters
    ----------
    classes, counts : ndarray of shape (C,)
        Labels, and number of samples of each.
    k : int or None
        Proxies per class.
    labels : ndarray of shape (n,)
        Labels of the new samples.
    """
    seen = np.unique(class_numbers(classes, labels))
    few = seen[counts[seen] < (k or 1)]
    if len(few):
        warnings.warn(
            f"{len(few)} of {len(classes)} classes have fewer than k = {k} samples ({listed(classes[few])}); "
            "such a class gets a proxy for each sample",
            stacklevel=4,
        )
    least, most = counts.argmin(), counts.argmax()
    if counts[most] >= IMBALANCE * counts[least]:
        warnings.warn(
            f"classes are imbalanced: '{classes[most]}' has {counts[most]} samples, '{classes[least]}' {counts[least]}; "
            "gen='all' with votes, ls and ridge favour large classes",
            stacklevel=4,
        )
