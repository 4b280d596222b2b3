"""Embeddings files: one split of one dataset by one FM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.large_arrays import is_large, new_array, row_blocks
from imprint.method.scale import check_held, largest_of
from imprint.store.array_checks import checked_weights, not_finite
from imprint.store.files import open_hdf5
from imprint.store.paths import check_path
from imprint.store.seals import NAME, damaged

_DIGEST = "digest"  # attribute of the file
UNNAMED: tuple[str, ...] = ("",)  # class names of images and embeddings without classes
SHOWN_CLASSES = 10  # class names in the repr


@dataclass(frozen=True, repr=False)
class Embeddings:
    """Embeddings of one split of one dataset by one FM.

    Attributes
    ----------
    x : ndarray of shape (N, D)
        Embeddings, float32; large ones are on disk (`imprint.method.large_arrays`).
    y : ndarray of shape (N,)
        Labels in [0, len(class_names)), int64.
    ids : ndarray of shape (N,)
        Names of the samples.
    class_names : tuple of str
        Names of the classes.
    provenance : dict
        What the file was made from.
    fm_classifier : ndarray of shape (C, D) or None
        Weights of the FM's own classifier, float32, if known.
    digest : str
        `imprint.store.block_cache.digest` of x if the file has it, otherwise empty.
    largest : float or None
        The largest absolute value in x, if known.
    """

    x: np.ndarray
    y: np.ndarray
    ids: np.ndarray
    class_names: tuple[str, ...]
    provenance: dict[str, Any]
    fm_classifier: np.ndarray | None = None
    digest: str = ""
    largest: float | None = None

    def __repr__(self) -> str:
        """One line without the arrays, which are large."""
        count, size = self.x.shape
        names = ", ".join(self.class_names[:SHOWN_CLASSES])
        more = ", ..." if len(self.class_names) > SHOWN_CLASSES else ""
        return f"<Embeddings of {count} samples, {size} values each; classes: {names}{more}>"


def write_rows(file: Any, shape: tuple[int, int], dtype: Any, blocks: Iterable[np.ndarray]) -> None:
    """Write embeddings (N, D) and their digest to a new HDF5 file.

    They are contiguous, so that a large file can be memory-mapped; the seal of the file detects damage.

    Parameters
    ----------
    file : h5py.File
        A file of `imprint.store.files.new_hdf5`.
    shape : tuple of int
        Shape of the embeddings.
    dtype : dtype
        Type of the stored embeddings.
    blocks : iterable of ndarray
        The rows, in consecutive blocks.
    """
    rows = file.create_dataset("embeddings", shape, dtype)
    content = hashlib.sha256(f"float32{tuple(map(int, shape))}".encode())
    end = 0
    for block in blocks:
        rows[end : end + len(block)] = block
        if rows.dtype != np.float32:
            block = rows[end : end + len(block)].astype(np.float32)
        content.update(np.ascontiguousarray(block, np.float32).data)
        end += len(block)
    file.attrs[_DIGEST] = content.hexdigest()


def read_embeddings(path: str | Path) -> Embeddings:
    """Read an embeddings file.

    Raises
    ------
    UserError
        If it cannot be read, its arrays do not match, a label is out of range, or a value is NaN or infinite: such an
        embedding has no nearest proxy.
    """
    with open_hdf5(path) as file:
        for name in ("embeddings", "labels", "ids"):
            if name not in file:
                raise UserError(
                    f"{path} has no dataset '{name}'; an embeddings file has 'embeddings' (N, D), "
                    "'labels' (N,) and 'ids' (N,)"
                )
        for name, kinds in (("embeddings", "f"), ("labels", "iu")):
            if file[name].dtype.kind not in kinds:
                raise damaged(path, "make it again", f"its {name} are {file[name].dtype}")
        x = read_rows(file["embeddings"])
        y = file["labels"][:].astype(np.int64, copy=False)
        ids = file["ids"].asstr()[:]
        names = tuple(json.loads(file.attrs["class_names"]))
        provenance = json.loads(file.attrs["provenance"])
        check_path(path, provenance)
        weights = file["classifier"][:] if "classifier" in file else None
        # without a seal, the digest is not trusted: the rows may have been replaced
        digest = str(file.attrs.get(_DIGEST, "")) if NAME in file.attrs else ""
    if x.ndim != 2 or y.ndim != 1 or ids.ndim != 1 or len(x) != len(y) or len(x) != len(ids):
        raise UserError(
            f"{path}: {x.shape} embeddings, {y.shape} labels and {ids.shape} ids do not match"
        )
    if x.shape[1] == 0:
        raise UserError(f"{path}: its {len(x)} embeddings have no values")
    if len(y) and not 0 <= y.min() <= y.max() < len(names):
        wrong = y.min() if y.min() < 0 else y.max()
        raise UserError(
            f"{path}: label {wrong} is out of range: classes count from 0 and there are {len(names)}"
        )
    fm_classifier = checked_weights(path, weights, x.shape[1])
    bad = not_finite(x)
    if len(bad):
        raise UserError(
            f"{path}: {len(bad)} of {len(x)} embeddings hold NaN or infinity, the first is row {bad[0]} "
            f"('{ids[bad[0]]}'); check that image, or compute with precision float32"
        )
    largest = largest_of(x)
    check_held(str(path), largest)
    return Embeddings(x, y, ids, names, provenance, fm_classifier, digest, largest)


def read_rows(rows: Any) -> np.ndarray:
    """The float32 rows (N, D) of an HDF5 dataset; large ones are mapped from the file or copied to another file."""
    if rows.ndim != 2 or not is_large(rows.shape):
        return rows[:].astype(np.float32, copy=False)
    offset = rows.id.get_offset()  # None for chunked datasets
    if offset is not None and rows.dtype == np.float32:
        return np.asarray(np.memmap(rows.file.filename, np.float32, "r", offset, rows.shape))
    x = new_array(rows.shape)
    for block in row_blocks(x):
        x[block] = rows[block]
    return x
