"""Files of the workflow: HDF5 and Parquet with provenance, written whole or not at all.

Every file carries a `provenance` attribute (JSON): what it was made from and by which version. A file is
written under a temporary name beside its place, flushed to disk and renamed, so that a name which exists
always stands for a finished file.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint import __version__
from imprint.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`: fsynced and renamed to it on success, removed on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp" + path.suffix)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; a result is as readable as any other file of the user
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


class _Lenient(io.FileIO):
    """A file whose failed writes are remembered instead of raised.

    HDF5 that meets a full disk while it closes a file ends the process with a segmentation fault.
    """

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        try:
            while self.failed is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.failed = error
        return len(data)


@contextmanager
def new_hdf5(path: str | Path) -> Iterator[Any]:
    """A new HDF5 file open for writing, at its place once it is whole. A full disk is an `OSError`."""
    import h5py

    with atomic(path) as temporary, _Lenient(temporary, "w+") as disk:
        try:
            with h5py.File(disk, "w") as file:
                yield file
        finally:
            if disk.failed:
                raise OSError(disk.failed.errno, disk.failed.strerror, str(path))


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal content gives equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def provenance(**fields: Any) -> str:
    """The JSON text of the `provenance` attribute: the given fields and the library's version."""
    return canonical({"imprint": __version__, **fields})


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[Any]:
    """An HDF5 file open for reading; one that is missing, cut off or no HDF5 is a `UserError` that names it."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except OSError as error:
        damaged = Path(path).resolve() if Path(path).is_symlink() else "it"  # links lead to a shared cache
        raise UserError(
            f"{path} is not a readable HDF5 file ({error}); delete {damaged} and run again to make it anew"
        ) from None
    with file:
        yield file


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of one split of one dataset by one FM.

    x: (N, D) float32. y: (N,) int64 in [0, len(class_names)). ids: (N,) str, the samples' names in file order.
    classifier: (C, D) float32, the rows of the FM's own classification head where it is known, else None.
    """

    x: np.ndarray
    y: np.ndarray
    ids: np.ndarray
    class_names: tuple[str, ...]
    provenance: dict[str, Any]
    classifier: np.ndarray | None = None


def read_embeddings(path: str | Path) -> Embeddings:
    """Read a file of the embedding rule. NaN or infinity in it is a `UserError`: it has no nearest proxy."""
    with open_hdf5(path) as file:
        for name in ("embeddings", "labels", "ids"):
            if name not in file:
                raise UserError(
                    f"{path} has no dataset '{name}'; an embeddings file has 'embeddings' (N, D), "
                    "'labels' (N,) and 'ids' (N,)"
                )
        x = file["embeddings"][:].astype(np.float32, copy=False)
        y = file["labels"][:].astype(np.int64, copy=False)
        ids = file["ids"].asstr()[:]
        names = tuple(json.loads(file.attrs["class_names"]))
        source = json.loads(file.attrs["provenance"])
        classifier = file["classifier"][:].astype(np.float32) if "classifier" in file else None
    if x.ndim != 2 or len(x) != len(y) or len(x) != len(ids):
        raise UserError(f"{path}: {x.shape} embeddings, {y.shape} labels and {ids.shape} ids do not match")
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        first = np.flatnonzero(bad)[0]
        raise UserError(
            f"{path}: {bad.sum()} of {len(x)} embeddings hold NaN or infinity, the first is row {first} "
            f"('{ids[first]}'); check that image, or compute with precision float32"
        )
    return Embeddings(x, y, ids, names, source, classifier)


@dataclass(frozen=True)
class ProxySet:
    """Proxies of all classes of a task, made by one GEN with one k, NORMpre, seed and draw.

    Either `values` (P, D) float32 or `samples` (P,) int64, rows of the training set they are. labels: (P,)
    int64, ascending. seconds: time of generation. Proxies that are samples are stored by number, not by value.
    """

    labels: np.ndarray
    values: np.ndarray | None = None
    samples: np.ndarray | None = None
    seconds: float = 0.0

    def matrix(self, train: np.ndarray) -> np.ndarray:
        """(P, D) proxies; `train` (N, D) is the training set they were made from, after NORMpre."""
        return self.values if self.samples is None else train[self.samples]


# proxy sets by norm_pre, seed and draw; the seed is None where it changes nothing
ProxySets = dict[tuple[str, int | None, int], ProxySet]


def proxies_of(sets: ProxySets, norm_pre: str, seed: int, draw: int) -> ProxySet:
    """The set for a seed, be it of all seeds."""
    own = sets.get((norm_pre, seed, draw))
    return own if own is not None else sets[norm_pre, None, draw]


def write_proxies(path: str | Path, sets: ProxySets, source: str) -> None:
    """Write proxy sets. Those that are one object are stored once, linked by name."""

    with new_hdf5(path) as file:
        file.attrs["provenance"] = source
        written: dict[int, Any] = {}
        for (norm_pre, seed, draw), proxies in sets.items():
            name = f"{norm_pre}/{'any seed' if seed is None else f'seed{seed}'}/draw{draw}"
            if id(proxies) in written:
                file[name] = written[id(proxies)]
                continue
            group = written[id(proxies)] = file.create_group(name)
            group.attrs["seconds"] = proxies.seconds
            group.create_dataset("labels", data=proxies.labels, fletcher32=True)
            kind = "values" if proxies.samples is None else "samples"
            group.create_dataset(kind, data=getattr(proxies, kind), fletcher32=True)


def read_proxies(path: str | Path) -> ProxySets:
    """Read a file of the proxies rule; sets stored once are one object again."""
    import h5py

    sets: ProxySets = {}
    stored: dict[int, ProxySet] = {}
    with open_hdf5(path) as file:
        for norm_pre, seeds in file.items():
            for seed, draws in seeds.items():
                for draw, group in draws.items():
                    place = h5py.h5o.get_info(group.id).addr
                    if place not in stored:
                        stored[place] = ProxySet(
                            labels=group["labels"][:],
                            values=group["values"][:] if "values" in group else None,
                            samples=group["samples"][:] if "samples" in group else None,
                            seconds=float(group.attrs["seconds"]),
                        )
                    number = int(seed[4:]) if seed.startswith("seed") else None
                    sets[norm_pre, number, int(draw[4:])] = stored[place]
    return sets


def write_parquet(path: str | Path, frame: pd.DataFrame, source: str) -> None:
    """Write a table with its provenance in the Parquet metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"provenance": source.encode()})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: str | Path) -> pd.DataFrame:
    """Read a table of the workflow; one that is missing or cut off is a `UserError` that names it."""
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a readable Parquet file ({error}); delete it and run again to make it anew"
        ) from None


def read_provenance(path: str | Path) -> dict[str, Any]:
    """What `write_parquet` noted of a table."""
    import pyarrow.parquet as pq

    return json.loads(pq.read_schema(path).metadata[b"provenance"])
