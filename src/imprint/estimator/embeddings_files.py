"""Read embeddings from a file, with labels that are numbers or names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.formatting import listed
from imprint.method.scale import check_held, largest_of
from imprint.store.array_checks import checked_weights, not_finite
from imprint.store.embeddings import UNNAMED, Embeddings
from imprint.store.given_embeddings import CLASSIFIER, names_in, read_arrays


def read_file(path: Path, group: str | None, labelled: bool) -> Embeddings:
    """Read embeddings from a file that imprint wrote, or from any HDF5 or NPZ file.

    Parameters
    ----------
    path : Path
        The file.
    group : str or None
        The group of an HDF5 file that holds the embeddings.
    labelled : bool
        Whether labels are read; without them all samples have one unnamed class.

    Raises
    ------
    UserError
        If the file or an array in it is missing or unusable.
    """
    arrays = read_arrays(path, group, required=True)
    x = arrays.get("embeddings")
    if x is not None and (x.ndim != 2 or 0 in x.shape):
        raise UserError(
            f"{path}: 'embeddings' have the shape {x.shape}; a row for each sample is needed, (N, D)"
        )
    if x is None:
        entries = names_in(path, group)
        hint = "; name a group as group (--group)" if any(e.endswith("/") for e in entries) else ""
        raise UserError(
            f"{path} has no array 'embeddings' (N, D), with 'labels' (N,) where classes are needed; it holds "
            f"{listed(entries)}{hint}"
        )
    if x.dtype.kind not in "fiub":
        raise UserError(f"{path}: 'embeddings' are {x.dtype}, not numbers")
    if len(rows := not_finite(x)):
        raise UserError(f"{path}: row {rows[0]} holds NaN or infinity")
    check_held(str(path), largest_of(x))
    if labelled:
        y, names = _read_labels(path, arrays, len(x))
    else:
        y, names = np.zeros(len(x), np.int64), UNNAMED
    ids = np.asarray(arrays.get("ids", np.arange(len(x))))
    if ids.shape != (len(x),):
        raise UserError(f"{path}: {len(x)} embeddings and ids of shape {ids.shape} do not match")
    provenance = arrays.get("provenance") or {"fm": path.stem}
    weights = checked_weights(path, arrays.get(CLASSIFIER), x.shape[1])
    return Embeddings(x.astype(np.float32, copy=False), y, ids, names, provenance, weights)


def _read_labels(
    path: Path, arrays: dict[str, Any], count: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (count,), 0..C-1, and class names; classes without samples are left out."""
    if "labels" not in arrays:
        raise UserError(f"{path} has no 'labels' (N,), the class of each embedding")
    y, names = np.asarray(arrays["labels"]), arrays.get("class_names")
    if y.shape != (count,):
        raise UserError(f"{path}: {count} embeddings and labels of shape {y.shape} do not match")
    if names is not None and np.ndim(names) != 1:
        raise UserError(f"{path}: 'class_names' are not a list of names")
    if names is not None and tuple(names) == UNNAMED:
        raise UserError(
            f"{path} has no classes: its images were not in one folder per class; embed them "
            "again from such folders, or give labels"
        )
    y = _numbers_or_texts(path, y, named=names is not None)
    if y.dtype.kind == "U" and (y == "").any():
        raise UserError(f"{path}: the label of row {np.flatnonzero(y == '')[0]} is empty")
    if y.dtype.kind == "U" or names is None:
        classes, y = np.unique(y, return_inverse=True)
        return y.astype(np.int64), tuple(map(str, classes))
    if len(set(names)) < len(names):
        raise UserError(f"{path}: a name occurs twice among the {len(names)} in 'class_names'")
    if y.min() < 0 or y.max() >= len(names):
        raise UserError(
            f"{path}: labels from {y.min()} to {y.max()} do not fit the {len(names)} 'class_names'; "
            f"labels must be 0 to {len(names) - 1}"
        )
    present, y = np.unique(y, return_inverse=True)
    return y.astype(np.int64), tuple(str(names[label]) for label in present)


def _numbers_or_texts(path: Path, labels: np.ndarray, *, named: bool) -> np.ndarray:
    """Labels as whole numbers or as texts; a `UserError` if they are neither.

    True and False are texts, as with labels in Python, but numbers if there are class names that these number.
    """
    kind = labels.dtype.kind
    if kind == "O" and all(isinstance(label, bool | np.bool_) for label in labels):
        kind = "b"
    if kind == "b":
        return labels.astype(bool).astype(np.int64 if named else str)
    # int64 cannot hold larger numbers, nor infinity
    if kind == "f" and (labels == np.floor(labels)).all() and (np.abs(labels) < 2.0**63).all():
        return labels.astype(np.int64)
    if kind in "iuU":
        return labels
    if kind != "O":
        raise UserError(
            f"{path}: 'labels' are {labels.dtype}, neither names nor whole numbers of at most 64 bits"
        )
    wrong = [not isinstance(label, str | int | np.integer) for label in labels]
    if any(wrong):
        row = wrong.index(True)
        raise UserError(
            f"{path}: the label in row {row} is {labels[row]!r}, neither a whole number nor a name"
        )
    numbers = all(isinstance(label, int | np.integer) for label in labels)
    return labels.astype(np.int64 if numbers else str)
