"""The number of shards of a file of embeddings, in a note beside it: the file itself does not depend on their number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imprint.store.files import canonical, write_text
from imprint.store.paths import shards_note


def write_shards(embeddings: str | Path, shards: int, params: Sequence[str]) -> None:
    """Record that a file of embeddings was made in `shards` shards, with these parameters of its rule."""
    write_text(shards_note(embeddings), canonical({"shards": shards, "params": params}))


def read_shards(embeddings: str | Path, params: Sequence[str]) -> int | None:
    """The number of shards of a file of embeddings; None if the file is missing or has to be made again.

    Parameters
    ----------
    embeddings : path
        The file.
    params : sequence of str
        The current parameters of its rule; if they differ from the recorded ones, the file has to be made again.
    """
    path = Path(embeddings)
    if not path.exists():
        return None
    if path.is_symlink():  # to a cache of outputs, which holds no files made in shards
        return 1
    try:
        note = json.loads(shards_note(path).read_text(encoding="utf-8"))
        return int(note["shards"]) if note["params"] == list(params) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
