"""The registry of dataset sources, and what several of them share."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imprint import store
from imprint.data.images import Images

IMAGES = "images.h5"
MANIFEST = "manifest.json"
DOWNLOADS = "downloads"  # where the workflow puts datasets, in its results or in a folder that is shared

SOURCES = {}


def source(name: str):
    """Register a source: a frozen dataclass whose fields are its options.

    It has `splits` (names), `class_count()` (int, or None if only the data can tell), `prepare(folder)`
    -> manifest entries `class_names`, `splits` {name: count} and `files`, `open(folder, manifest, split)` ->
    `Images`, and `files(folder)`, the paths of all that `open` reads. One that can be downloaded has `fetch()`, which
    brings it to its option `root`, and `unreachable(reason)`, what to say where there is no network.
    """

    def register(cls):
        SOURCES[name] = cls
        return cls

    return register


def describe_file(path: Path) -> dict:
    """{bytes, sha256} of a file, read in pieces."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return {"bytes": Path(path).stat().st_size, "sha256": digest.hexdigest()}


def numbered(split: str, count: int) -> list[str]:
    """ids of samples that have no name of their own."""
    return [f"{split}/{i:05d}" for i in range(count)]


def write_images(folder: Path, parts: dict, class_names: Sequence[str]) -> dict:
    """Write {split: (images, labels)} to images.h5. Returns the manifest entries."""

    path = Path(folder) / IMAGES
    with store.new_hdf5(path) as file:
        file.attrs["class_names"] = json.dumps(class_names, ensure_ascii=False)
        for split, (images, labels) in parts.items():
            group = file.create_group(split)
            chunk = (min(256, max(1, len(images))), *images.shape[1:])
            group.create_dataset("images", data=images, chunks=chunk, fletcher32=True)
            group.create_dataset("labels", data=labels)
    return {
        "class_names": list(class_names),
        "splits": {split: len(labels) for split, (_, labels) in parts.items()},
        "files": {IMAGES: describe_file(path)},
    }


def read_images(folder: Path, split: str) -> Images:
    """One split of images.h5, in memory."""
    with store.open_hdf5(Path(folder) / IMAGES) as file:
        names = tuple(json.loads(file.attrs["class_names"]))
        images, labels = file[split]["images"][:], file[split]["labels"][:].astype(np.int64)
    return Images(labels, numbered(split, len(labels)), names, images)
