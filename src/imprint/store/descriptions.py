"""Descriptions of imprint's files: content and provenance, without reading the arrays."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from imprint.errors import UserError
from imprint.extras import not_installed
from imprint.store.seals import check_seal

Facts = dict[str, Any]
EXPORTED_JSON = ("classes", "fm", "preprocessing")  # metadata of an export that are JSON


def describe(path: Path) -> Facts:
    """Describe a file of embeddings, images, proxies, scores or collapse, a head, an exported head, or weights.

    Returns
    -------
    dict
        Ready for JSON: `file`, `bytes`, `kind`, and entries that depend on the kind.

    Raises
    ------
    UserError
        If it is not such a file.
    """
    readers: dict[str, Callable[[Path], Facts]] = {
        ".h5": _hdf5,
        ".hdf5": _hdf5,
        ".parquet": _parquet,
        ".safetensors": _safetensors,
        ".onnx": _onnx,
        ".pt2": _torch_program,
    }
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file")
    if not path.exists():
        raise UserError(f"{path} does not exist")
    if path.suffix not in readers:
        raise UserError(f"{path}: '{path.suffix}' is not one of {', '.join(readers)}")
    try:
        facts = readers[path.suffix](path)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged or not a file of imprint ({error})") from error
    return {"file": str(path), "bytes": path.stat().st_size, **facts}


def _hdf5(path: Path) -> Facts:
    from imprint.store.files import open_hdf5

    with open_hdf5(path, "make it again or get another copy") as file:
        origin = {}
        if "provenance" in file.attrs:
            origin["made_from"] = json.loads(file.attrs["provenance"])
        if "embeddings" in file:
            return {**_embeddings(file), **origin}
        groups = {name: entry for name, entry in file.items() if hasattr(entry, "keys")}
        for kind, key in (("embeddings", "groups"), ("images", "splits")):
            shapes = {name: list(g[kind].shape) for name, g in groups.items() if kind in g}
            if shapes:
                return {"kind": kind, key: shapes}
        if sets := _proxy_sets(file):
            return {"kind": "proxies", "sets": sets, **origin}
    raise UserError(f"{path} holds neither embeddings, images nor proxies of imprint")


def _embeddings(file: Any) -> Facts:
    names = json.loads(file.attrs.get("class_names", "[]"))
    rows = file["embeddings"]
    return {
        "kind": "embeddings",
        "samples": rows.shape[0],
        "dimensions": rows.shape[1],
        "type": str(rows.dtype),
        "classes": len(names),
        "class_names": names,
        "skipped": int(file.attrs.get("skipped", 0)),
    }


def _proxy_sets(file: Any) -> list[Facts]:
    from imprint.store.proxies import ANY_SEED, proxy_groups

    return [
        {
            "k": k,
            "norm_pre": norm_pre,
            "seed": ANY_SEED if seed is None else str(seed),
            "draw": draw,
            "proxies": group["labels"].shape[0],
            "seconds": float(group.attrs["seconds"]),
        }
        for k, norm_pre, seed, draw, group in proxy_groups(file)
    ]


def _parquet(path: Path) -> Facts:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        file = pq.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise UserError(f"{path} is not a readable Parquet file ({error})") from None
    check_seal(path)
    columns = file.schema_arrow.names
    kind = "scores" if "accuracy" in columns else "collapse" if "nc1" in columns else "table"
    facts: Facts = {"kind": kind, "rows": file.metadata.num_rows, "columns": columns}
    for name in ("fm", "task", "gen", "agg"):
        if name in columns:
            facts[name] = sorted(set(file.read([name])[name].unique().to_pylist()))
    if "accuracy" in columns:
        accuracy = pc.min_max(file.read(["accuracy"])["accuracy"]).as_py()
        facts["accuracy"] = [accuracy["min"], accuracy["max"]]
    return facts


def _safetensors(path: Path) -> Facts:
    from imprint.store.heads import describe_safetensors

    shapes, metadata = describe_safetensors(path)
    if "configuration" not in metadata:
        return {"kind": "weights", "tensors": len(shapes), **metadata}
    names = metadata.pop("classes")
    proxies, dimensions = shapes["proxies"]
    facts: Facts = {
        "kind": "head",
        "proxies": proxies,
        "dimensions": dimensions,
        "classes": len(names),
        "class_names": names,
        **metadata,
    }
    if "class_counts" in facts:
        samples = sum(facts["class_counts"])
        removed = facts.get("samples", samples) - samples
        facts["samples"] = samples
        if removed:
            facts["samples_of_removed_classes"] = removed
    return facts


def _onnx(path: Path) -> Facts:
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise UserError(not_installed(error.name or "onnx") or str(error)) from None
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise UserError(f"{path} is not a readable ONNX file ({error})") from None
    texts = {entry.key: entry.value for entry in model.metadata_props}
    return _export(path, "head exported to ONNX", texts)


def _torch_program(path: Path) -> Facts:
    """The description in the folder `extra` of a torch.export program, which is a ZIP file."""
    try:
        with zipfile.ZipFile(path) as archive:
            texts = {
                PurePosixPath(name).name: archive.read(name).decode()
                for name in archive.namelist()
                if PurePosixPath(name).parent.name == "extra"
            }
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} is not a readable program of torch.export ({error})") from None
    return _export(path, "head exported to torch", texts)


def _export(path: Path, kind: str, texts: Mapping[str, str]) -> Facts:
    """The facts in the metadata of an export."""
    if not {"imprint", "classes", "input", "outputs"} <= set(texts):
        raise UserError(f"{path} was not written by imprint export, so it has no description")
    facts: Facts = {
        name: json.loads(text) if name in EXPORTED_JSON else text for name, text in texts.items()
    }
    names = facts.pop("classes")
    first: Facts = {
        name: facts.pop(name) for name in ("input", "preparation", "outputs") if name in facts
    }
    return {"kind": kind, **first, "classes": len(names), "class_names": names, **facts}
