"""The command that says what is in a file of imprint."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imprint.errors import UserError
from imprint.units import size

Facts = dict[str, Any]


def add(commands: argparse._SubParsersAction) -> None:
    """Add it to the command line."""
    command = commands.add_parser(
        "show", help="what is in a file: embeddings, images, proxies, scores, collapse, a head",
        description="Say what a file of imprint holds and what it was made from. Only what describes it is read.",
        epilog="examples:\n  imprint show birds.safetensors\n  imprint show results/scores.parquet --json\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="HDF5, Parquet or safetensors")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(run=run_show)


def run_show(arguments: argparse.Namespace) -> int:
    """Print the facts of each file."""
    for path in arguments.files:
        facts = facts_of(path)
        print(json.dumps(facts) if arguments.json else _told(facts), flush=True)
    return 0


def facts_of(path: Path) -> Facts:
    """What a file holds, for JSON. Anything but a file of imprint is a `UserError`."""
    kinds: dict[str, Callable[[Path], Facts]] = {
        ".h5": _hdf5, ".hdf5": _hdf5, ".parquet": _table, ".safetensors": _safetensors,
    }  # fmt: skip
    if not path.is_file():
        raise UserError(f"{path} does not exist" if not path.exists() else f"{path} is a folder; name a file")
    if path.suffix not in kinds:
        raise UserError(f"{path}: '{path.suffix}' is none of {', '.join(kinds)}")
    return {"file": str(path), "bytes": path.stat().st_size, **kinds[path.suffix](path)}


def _hdf5(path: Path) -> Facts:
    import h5py

    from imprint.store import open_hdf5

    with open_hdf5(path) as file:
        about = {"made_from": json.loads(file.attrs["provenance"])} if "provenance" in file.attrs else {}
        if "embeddings" in file:
            names = json.loads(file.attrs.get("class_names", "[]"))
            rows = file["embeddings"]
            return {
                "kind": "embeddings", "samples": rows.shape[0], "dimensions": rows.shape[1], "type": str(rows.dtype),
                "classes": len(names), "class_names": names, "skipped": int(file.attrs.get("skipped", 0)), **about,
            }  # fmt: skip
        groups = {name: part["embeddings"] for name, part in file.items() if "embeddings" in part}
        if groups:
            return {"kind": "embeddings", "groups": {name: list(rows.shape) for name, rows in groups.items()}}
        splits = {name: part["images"].shape for name, part in file.items() if "images" in part}
        if splits:
            return {"kind": "images", "splits": {name: list(shape) for name, shape in splits.items()}}
        sets: list[Facts] = []

        def visit(name: str, part: Any) -> None:
            if isinstance(part, h5py.Group) and "labels" in part and name.count("/") == 2:
                norm_pre, seed, draw = name.split("/")
                own = {
                    "norm_pre": norm_pre,
                    "seed": seed.removeprefix("seed"),
                    "draw": int(draw.removeprefix("draw")),
                }
                sets.append(
                    {**own, "proxies": part["labels"].shape[0], "seconds": float(part.attrs["seconds"])}
                )

        file.visititems(visit)
        if not sets:
            raise UserError(f"{path} holds neither embeddings, images nor proxies of imprint")
        return {"kind": "proxies", "sets": sets, **about}


def _table(path: Path) -> Facts:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        file = pq.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise UserError(f"{path} is not a readable Parquet file ({error})") from None
    columns = file.schema_arrow.names
    kind = "scores" if "accuracy" in columns else "collapse" if "nc1" in columns else "table"
    facts: Facts = {"kind": kind, "rows": file.metadata.num_rows, "columns": columns}
    for name in ("fm", "task", "gen", "agg"):
        if name in columns:
            facts[name] = sorted(set(file.read([name])[name].unique().to_pylist()))
    if kind == "scores":
        import pyarrow.compute as pc

        accuracy = pc.min_max(file.read(["accuracy"])["accuracy"]).as_py()
        facts["accuracy"] = [accuracy["min"], accuracy["max"]]
    return facts


def _safetensors(path: Path) -> Facts:
    from imprint.head import describe

    shapes, about = describe(path)
    if "configuration" in about:
        classes = about.pop("classes")
        return {
            "kind": "head", "proxies": shapes["proxies"][0], "dimensions": shapes["proxies"][1], "classes": len(classes),
            "class_names": classes, **about,
        }  # fmt: skip
    return {"kind": "weights", "tensors": len(shapes), **about}


def _told(facts: Facts) -> str:
    """Facts as lines; long lists are cut."""
    lines = [f"{facts['file']}: {facts['kind']}, {size(facts['bytes'])}"]
    for name, value in facts.items():
        if name in ("file", "bytes", "kind"):
            continue
        if isinstance(value, dict):
            lines.append(f"  {name}")
            lines += [f"    {key}: {_short(part)}" for key, part in value.items()]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"  {len(value)} {name}")
            lines += [f"    {', '.join(f'{k} {_short(v)}' for k, v in part.items())}" for part in value[:12]]
            lines += [f"    ... and {len(value) - 12} more"] if len(value) > 12 else []
        else:
            lines.append(f"  {name}: {_short(value)}")
    return "\n".join(lines)


def _short(value: Any, most: int = 12) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    shown = ", ".join(_short(item) for item in value[:most])
    return shown + (f", ... ({len(value)})" if len(value) > most else "")
