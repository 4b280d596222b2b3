"""The FM source `embeddings`: what the user computed elsewhere, checked and put into the project's form."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imprint import store
from imprint.errors import UserError

_LISTED = 5


def adopt(
    given: str | Path,
    output: str | Path,
    *,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    provenance: dict | None = None,
) -> None:
    """Check a file of embeddings and write it to `output` as `imprint.fm.extract` would.

    given: .npz or HDF5 (.h5, .hdf5) with `embeddings` (N, D) floating point and `labels` (N,) whole numbers
    from 0 and, if they are known, `ids` (N,) and `class_names` (C,) (in HDF5 also as an attribute, JSON or an
    array). In HDF5 they may lie in a group named like the `split`. class_names: taken before those of the
    file; without any, the classes are the numbers up to the largest label. All that is wrong is a
    `UserError`.
    """
    import h5py

    given = Path(given)
    found = read_arrays(given, split)
    for name in ("embeddings", "labels"):
        if name not in found:
            raise UserError(f"{given} has no '{name}'; it needs embeddings (N, D) and labels (N,)")
    x, y = found["embeddings"], found["labels"]
    _check(given, x, y)
    if class_names is None:
        class_names = found.get("class_names", [str(i) for i in range(int(y.max()) + 1)])
    if y.max() >= len(class_names):
        raise UserError(f"{given}: label {y.max()} is beyond the {len(class_names)} class names")
    ids = [str(name) for name in found.get("ids", range(len(y)))]
    if len(ids) != len(y) or len(set(ids)) != len(ids):
        raise UserError(f"{given}: 'ids' are not {len(y)} different names")
    about = {"source": "embeddings", "file": str(given), "split": split, **(provenance or {})}
    with store.new_hdf5(output) as file:
        file.create_dataset("embeddings", data=x.astype(np.float32), fletcher32=True, chunks=True)
        file.create_dataset("labels", data=y.astype(np.int64), fletcher32=True)
        file.create_dataset("ids", data=ids, dtype=h5py.string_dtype())
        file.attrs["class_names"] = json.dumps([str(name) for name in class_names], ensure_ascii=False)
        file.attrs["provenance"] = store.provenance(**about)
        file.attrs["skipped"] = 0


def read_arrays(path: Path, split: str | None = None, required: bool = False) -> dict:
    """{embeddings, labels, ids, class_names, classifier, provenance} as far as they are in a file, HDF5 or NPZ.

    split: a group of an HDF5 file, in place of its root; required: a `UserError` if it has none of that name.
    """
    names = ("embeddings", "labels", "ids", "class_names", "classifier")
    if path.suffix in (".h5", ".hdf5"):
        with store.open_hdf5(path) as file:
            if required and split and split not in file:
                there = [name for name, part in file.items() if hasattr(part, "items")]
                raise UserError(f"{path} has no group '{split}'; it has: {', '.join(there) or 'none'}")
            group = file.get(split, file) if split else file
            found = {
                name: group[name].asstr()[:] if group[name].dtype.kind in "OS" else group[name][:]
                for name in names
                if name in group
            }
            attribute = group.attrs.get("class_names", file.attrs.get("class_names"))
            if "provenance" in file.attrs:
                found["provenance"] = json.loads(file.attrs["provenance"])
        if attribute is not None and "class_names" not in found:
            listed = json.loads(attribute) if isinstance(attribute, str) else list(attribute)
            found["class_names"] = [n.decode() if isinstance(n, bytes) else n for n in listed]
        return found
    if path.suffix != ".npz":
        raise UserError(f"{path}: '{path.suffix}' is none of .npz, .h5, .hdf5")
    try:
        with np.load(path) as file:
            found = {name: file[name] for name in names if name in file}
            return {n: np.char.decode(a, "utf-8") if a.dtype.kind == "S" else a for n, a in found.items()}
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except Exception as error:  # numpy raises BadZipFile, ValueError (objects), EOFError, ...
        raise UserError(
            f"{path} cannot be read as plain arrays ({error}); write it with numpy.savez"
        ) from error


def _check(path, x, y):
    if x.ndim != 2 or x.dtype.kind != "f" or 0 in x.shape:
        raise UserError(f"{path}: 'embeddings' are {x.dtype} of shape {x.shape}, not floating point (N, D)")
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise UserError(f"{path}: 'labels' are {y.dtype} of shape {y.shape}, not {len(x)} whole numbers")
    if y.min() < 0:
        raise UserError(f"{path}: label {y.min()} is negative; classes count from 0")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        rows = ", ".join(map(str, bad[:_LISTED]))
        raise UserError(
            f"{path}: {len(bad)} of {len(x)} embeddings hold NaN or infinity, the first in rows {rows}"
        )
