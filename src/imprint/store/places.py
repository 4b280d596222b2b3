"""Whether a file of results holds what its place says: another one may have been moved or copied there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imprint.errors import UserError

# what the folders above a file name, from the kind of results on; the last is the name of the file
_PLACES = {
    "embeddings": ("fm", "dataset", "split"),
    "proxies": ("fm", "task", "shots", "gen"),
    "scores": ("fm", "task", "shots", "agg"),
    "collapse": ("fm", "task"),
}


def check_place(path: str | Path, provenance: Mapping[str, Any]) -> None:
    """Compare what a file says it was made for with the place that it lies in.

    Parameters
    ----------
    path : path
        The file; one that lies in no folder of results passes.
    provenance : mapping
        What it was made from; names that it does not hold are not compared.

    Raises
    ------
    UserError
        If they differ.
    """
    parts = Path(path).with_suffix("").parts
    for kind, names in _PLACES.items():
        if len(parts) <= len(names) or parts[-len(names) - 1] != kind:
            continue
        place = dict(zip(names, parts[-len(names) :], strict=True))
        said = {**provenance, **(provenance.get("spec") or {})}
        for name, value in place.items():
            if name in said and str(said[name]) != value:
                raise UserError(
                    f"{path} is of another {name}: {said[name]}, not {value}; it was moved or copied there. "
                    "Delete it and run again"
                )
