"""Digests of the images of datasets, to detect changes since they were prepared, whatever their location."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from imprint.data import sources
from imprint.errors import UserError
from imprint.store.files import canonical, write_text
from imprint.store.records import sha256_of, state_of

CONTENTS = "contents.json"  # beside the manifest
KEY = "contents"  # in the manifest

_AT_ONCE = 8  # files read at a time: most of it is waiting for the disk


def contents(manifest: str, root: str | None = None) -> str:
    """A digest of the content of the files with a prepared dataset's images, whatever their location.

    It is kept beside the manifest, and computed again when the size or time of a file has changed.
    """
    Path(manifest).stat()  # FileNotFoundError makes Snakemake call this again once it exists
    folder = Path(manifest).parent
    paths = sources.files_of(folder, root)
    states = canonical([[str(path.absolute()), *state_of(path)] for path in paths])
    state = hashlib.sha256(states.encode()).hexdigest()
    try:
        kept = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        kept = {}
    if kept.get("state") != state or "sha256" not in kept:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            lines = "\n".join(pool.map(sha256_of, paths))
        kept = {"state": state, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
        # a user who only reads a study may be unable to write
        with suppress(OSError):
            write_text(folder / CONTENTS, json.dumps(kept))
    return str(kept["sha256"])


def record_contents(manifest: str | Path, root: str | None = None) -> None:
    """Write the digest of a dataset's images into its manifest, so that the manifest changes with the images."""
    facts = sources.read_manifest(Path(manifest).parent)
    facts[KEY] = contents(str(manifest), root)
    sources.write_manifest(manifest, facts)


def have_changed(manifest: str | Path, root: str | None = None) -> bool:
    """Whether the images of a dataset have changed since it was prepared, or cannot be found.

    Images are read again only when the size or a time of one has changed.
    """
    try:
        recorded = sources.read_manifest(Path(manifest).parent).get(KEY)
        return recorded is not None and recorded != contents(str(manifest), root)
    except (OSError, UserError, LookupError, ValueError):
        return True
