"""Embeddings that the user computed elsewhere, checked and converted to the project's format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from imprint.errors import UserError
from imprint.formatting import listed
from imprint.method.large_arrays import is_large, row_blocks
from imprint.method.scale import check_held, largest_of
from imprint.store.array_checks import checked_weights, not_finite
from imprint.store.embeddings import Embeddings, read_rows, write_rows
from imprint.store.files import new_hdf5, open_hdf5, provenance_json
from imprint.store.object_arrays import read_array

HDF5 = (".h5", ".hdf5")
EMBEDDINGS_SUFFIXES = (".npz", *HDF5)
MOST_CLASSES = 1_000_000

CLASSIFIER = "classifier"  # array of the weights of the FM's own classifier
_ARRAYS = ("embeddings", "labels", "ids", "class_names", CLASSIFIER)


def adopt(
    path: str | Path,
    output: str | Path,
    *,
    split: str | None = None,
    required: bool = False,
    class_count: int | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Check a file of embeddings and write it in the format of `imprint.fm.extract`.

    Parameters
    ----------
    path : path
        See `read_given`.
    output : path
        The embeddings file.
    split, required, class_count
        See `read_given`.
    provenance : mapping, optional
        Further entries of the provenance.

    Raises
    ------
    UserError
        If the file or an array in it is missing or not usable.
    """
    import h5py

    embeddings = read_given(path, split=split, required=required, class_count=class_count)
    x = embeddings.x
    with new_hdf5(output) as file:
        write_rows(file, x.shape, np.float32, (x[block] for block in row_blocks(x)))
        file.create_dataset("labels", data=embeddings.y, fletcher32=True)
        file.create_dataset("ids", data=embeddings.ids, dtype=h5py.string_dtype())
        if embeddings.fm_classifier is not None:
            file.create_dataset(CLASSIFIER, data=embeddings.fm_classifier, fletcher32=True)
        file.attrs["class_names"] = json.dumps(embeddings.class_names, ensure_ascii=False)
        file.attrs["provenance"] = provenance_json(**embeddings.provenance | dict(provenance or {}))
        file.attrs["skipped"] = 0


def read_given(
    path: str | Path,
    *,
    split: str | None = None,
    required: bool = False,
    class_count: int | None = None,
) -> Embeddings:
    """Read and check a file of embeddings that the user computed.

    Parameters
    ----------
    path : path
        NPZ or HDF5 (.npz, .h5, .hdf5) with `embeddings` (N, D) floating point, `labels` (N,) integers from 0 and, optionally,
        `ids` (N,), `class_names` (C,) and `classifier` (C', D), the weights of the FM's own classifier. In HDF5 the class names
        may also be an attribute, JSON or an array.
    split : str, optional
        The group of an HDF5 file that holds the arrays; the root of the file if it has no such group.
    required : bool, default=False
        Whether the file must have that group, as a file of several splits must.
    class_count : int, optional
        The number of classes; by default that of the class names or, without names, the largest label and one. Without
        names, the classes are called by their numbers.

    Returns
    -------
    Embeddings
        The embeddings have the type of the file, large ones are on disk.

    Raises
    ------
    UserError
        If the file or an array in it is missing or not usable.
    """
    path = Path(path)
    arrays = read_arrays(path, split, required)
    for name in ("embeddings", "labels"):
        if name not in arrays:
            raise UserError(f"{path} has no '{name}'; it needs embeddings (N, D) and labels (N,)")
    x, y = arrays["embeddings"], arrays["labels"]
    _check(path, x, y)
    names = _checked_names(path, int(y.max()), arrays.get("class_names"), class_count)
    given_ids = np.asarray(arrays.get("ids", np.arange(len(y))))
    ids = [str(name) for name in given_ids] if given_ids.shape == y.shape else []
    if len(set(ids)) != len(y):
        raise UserError(f"{path}: 'ids' are not {len(y)} different names")
    return Embeddings(
        x,
        y.astype(np.int64),
        np.array(ids, object),
        tuple(str(name) for name in names),
        {"source": "embeddings", "file": str(path), "split": split},
        checked_weights(path, arrays.get(CLASSIFIER), x.shape[1]),
    )


def shape_of(path: str | Path, split: str, *, required: bool = False) -> tuple[int, int]:
    """Number and width of the embeddings in a user's file, without reading them.

    required: whether an HDF5 file must have a group with the name of the split, as a file of several splits must.

    Raises
    ------
    UserError
        If the file or its embeddings are missing.
    """
    import h5py

    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist")
    try:
        if path.suffix.lower() == ".npz":
            with ZipFile(path) as archive, archive.open("embeddings.npy") as array:
                version = np.lib.format.read_magic(array)
                read_header = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape = read_header(array)[0]
        else:
            with h5py.File(path) as file:  # without a look for a seal, which reads all
                if required and split not in file:
                    raise UserError(
                        f"{path} has no group '{split}'; a file without groups holds one split, so each needs its own"
                    )
                shape = file.get(split, file)["embeddings"].shape
        count, width = shape
    except UserError:
        raise
    except Exception as error:  # OSError, KeyError, BadZipFile, zlib.error, TypeError, ...
        raise UserError(f"{path} has no 'embeddings' (N, D) that can be read ({error})") from error
    return count, width


def fm_in(path: str | Path) -> dict[str, Any] | None:
    """What an HDF5 file of embeddings says about its FM, see `fm_identity.fm_identity`; None if it names no model."""
    import h5py

    if Path(path).suffix.lower() not in HDF5:
        return None
    try:
        with h5py.File(path) as file:  # without a look for a seal, which reads all
            provenance = file.attrs.get("provenance")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error})") from error
    fm = {} if provenance is None else _provenance(Path(path), provenance)
    return fm if fm.get("model") else None


def read_arrays(path: Path, split: str | None = None, required: bool = False) -> dict[str, Any]:
    """The arrays in a file of embeddings, HDF5 or NPZ.

    Parameters
    ----------
    path : Path
        The file.
    split : str, optional
        A group of an HDF5 file, in place of its root.
    required : bool
        Whether the file must have that group.

    Returns
    -------
    dict
        embeddings, labels, ids, class_names, classifier and provenance, as far as the file has them.

    Raises
    ------
    UserError
        If the file or the group is missing, or the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in HDF5:
        return _read_hdf5(path, split, required)
    if suffix not in EMBEDDINGS_SUFFIXES:
        raise UserError(f"{path}: '{path.suffix}' is not one of {', '.join(EMBEDDINGS_SUFFIXES)}")
    arrays = {}
    try:
        with ZipFile(path) as file:
            members = set(file.namelist())
            for name in _ARRAYS:
                if f"{name}.npy" in members:
                    with file.open(f"{name}.npy") as member:
                        array = read_array(member)
                    is_text = array.dtype.kind == "S"
                    arrays[name] = np.char.decode(array, "utf-8") if is_text else array
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except Exception as error:  # BadZipFile, ValueError (objects), EOFError, ...
        raise UserError(
            f"{path} cannot be read as plain arrays ({error}); write it with numpy.savez"
        ) from error
    return arrays


def names_in(path: Path, split: str | None = None) -> list[str]:
    """The names of the arrays and groups (with a slash) in a file or in one of its groups, for messages."""
    if path.suffix.lower() == ".npz":
        with ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    with open_hdf5(path, "write it again") as file:
        entries = (file[split] if split and split in file else file).items()
        return [f"{name}/" if hasattr(entry, "items") else name for name, entry in entries]


def _read_hdf5(path: Path, split: str | None, required: bool) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    with open_hdf5(path, "write it again") as file:
        if required and split and split not in file:
            groups = [name for name, entry in file.items() if hasattr(entry, "items")]
            hint = (
                "" if groups else "; a file without groups holds one split, so each needs its own"
            )
            raise UserError(
                f"{path} has no group '{split}'; it has: {', '.join(groups) or 'none'}{hint}"
            )
        group = file.get(split, file) if split else file
        if not hasattr(group, "items"):
            raise UserError(
                f"{path}: '{split}' is an array; a group with embeddings and labels is needed"
            )
        for name in _ARRAYS:
            if name in group:
                if hasattr(group[name], "items"):
                    raise UserError(f"{path}: '{name}' is a group, not an array")
                arrays[name] = _array(group[name])
        names = group.attrs.get("class_names", file.attrs.get("class_names"))
        if names is not None and "class_names" not in arrays:
            arrays["class_names"] = _names(path, names)
        if "provenance" in file.attrs:
            arrays["provenance"] = _provenance(path, file.attrs["provenance"])
    return arrays


def _array(dataset: Any) -> np.ndarray:
    """An HDF5 dataset as an array: text, numbers, or large embeddings, which stay on disk."""
    if dataset.dtype.kind in "OS":
        return dataset.asstr("utf-8")[()]  # bytes of numpy are declared ASCII, whatever they hold
    if dataset.dtype.kind == "f" and is_large(dataset.shape):
        return read_rows(dataset)
    return dataset[()]


def _names(path: Path, value: Any) -> list[str]:
    """Class names from an array or a JSON list."""
    try:
        names = json.loads(value) if isinstance(value, str) else list(value)
    except (ValueError, TypeError):
        names = None
    if isinstance(names, list):
        names = [name.decode() if isinstance(name, bytes) else name for name in names]
        if all(isinstance(name, str | int | np.integer) for name in names):
            return [str(name) for name in names]
    raise UserError(f"{path}: 'class_names' are not names; give an array of names, or a JSON list")


def _checked_names(
    path: Path, largest: int, class_names: Sequence[str] | None, class_count: int | None
) -> Sequence[str]:
    """The class names; a `UserError` if their number is not `class_count`, or the largest label is beyond them."""
    if class_names is None:
        count = largest + 1 if class_count is None else class_count
        if largest >= count:
            raise UserError(
                f"{path}: label {largest} is beyond the {count} classes of the dataset; correct its class_count"
            )
        return [str(i) for i in range(count)]
    if np.ndim(class_names) != 1 or len(set(class_names)) < len(class_names):
        raise UserError(f"{path}: 'class_names' are not a list of different names")
    if class_count not in (None, len(class_names)):
        raise UserError(
            f"{path} names {len(class_names)} classes, but the dataset has class_count {class_count}; correct one of them"
        )
    if largest >= len(class_names):
        raise UserError(f"{path}: label {largest} is beyond the {len(class_names)} class names")
    return class_names


def _provenance(path: Path, value: Any) -> dict[str, Any]:
    try:
        entries = json.loads(value)
    except (ValueError, TypeError):
        entries = None
    if not isinstance(entries, dict):
        raise UserError(f"{path}: 'provenance' is not a JSON mapping; remove this attribute")
    return entries


def _check(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim != 2 or x.dtype.kind != "f" or 0 in x.shape:
        raise UserError(
            f"{path}: 'embeddings' are {x.dtype} of shape {x.shape}, not floating point (N, D)"
        )
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        hint = "; number the classes 0, 1, 2, ... and give their names as 'class_names'"
        raise UserError(
            f"{path}: 'labels' are {y.dtype} of shape {y.shape}, not {len(x)} integers"
            + (hint if y.dtype.kind in "OUS" else "")
        )
    if y.min() < 0:
        raise UserError(f"{path}: label {y.min()} is negative; classes count from 0")
    if y.max() >= MOST_CLASSES:
        raise UserError(
            f"{path}: label {y.max()} would mean {int(y.max()) + 1:,} classes, and at most {MOST_CLASSES:,} are "
            "possible; number the classes 0, 1, 2, ..."
        )
    bad = not_finite(x)
    if len(bad):
        raise UserError(
            f"{path}: {len(bad)} of {len(x)} embeddings hold NaN or infinity: rows {listed(bad)}"
        )
    check_held(str(path), largest_of(x))
