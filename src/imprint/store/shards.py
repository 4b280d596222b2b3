"""In how many shards a file of embeddings was made: a note beside it, as the file is the same whatever their number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imprint.store.files import atomic, canonical
from imprint.store.paths import shards_note


def write_shards(embeddings: str | Path, shards: int, params: Sequence[str]) -> None:
    """Note that a file of embeddings was made in `shards` shards, with these parameters of its rule."""
    with atomic(shards_note(embeddings)) as temporary:
        temporary.write_text(canonical({"shards": shards, "params": params}), encoding="utf-8")


def read_shards(embeddings: str | Path, params: Sequence[str]) -> int | None:
    """The shards that a file of embeddings was made in; None if it is not there or has to be made anew.

    Parameters
    ----------
    embeddings : path
        The file.
    params : sequence of str
        Parameters that its rule has now; with others than it was made with it has to be made anew.
    """
    path = Path(embeddings)
    if not path.exists():
        return None
    if (
        path.is_symlink()
    ):  # it leads to a cache of outputs, which holds none that were made in shards
        return 1
    try:
        note = json.loads(shards_note(path).read_text(encoding="utf-8"))
        return int(note["shards"]) if note["params"] == list(params) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
