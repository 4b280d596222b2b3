"""Datasets by source and options: each is prepared once and then opened split by split.

`fetch` downloads a published dataset. `prepare` leaves a folder with `manifest.json` (source, options, class names,
number of samples a split, files) and, for a source that makes its images, `images.h5`. `open_split` reads that folder.
These two never download anything.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from imprint import store
from imprint.data import bundled, downloads, files  # noqa: F401  (they register their sources)
from imprint.data.images import Images
from imprint.data.registry import SOURCES
from imprint.errors import UserError

MANIFEST = "manifest.json"


def make(name: str, options: dict | None = None):
    """The source of that name with these options; unknown names, options and values are a `UserError`."""
    if name not in SOURCES:
        raise UserError(f"unknown dataset source '{name}'; known: {', '.join(sorted(SOURCES))}")
    known = [field.name for field in fields(SOURCES[name])]
    unknown = sorted(set(options or {}) - set(known))
    if unknown:
        raise UserError(
            f"dataset source '{name}' has no option {', '.join(unknown)}; known: {', '.join(known)}"
        )
    try:
        return SOURCES[name](**(options or {}))
    except TypeError as error:
        raise UserError(f"dataset source '{name}': {error}") from error


def class_count(name: str, options: dict | None = None) -> int | None:
    """The number of classes of a source, or None where only its data can tell. Reads no data."""
    return make(name, options).class_count()


def splits(name: str, options: dict | None = None) -> tuple[str, ...]:
    """The names of a source's splits."""
    return make(name, options).splits


def fetch(name: str, options: dict | None, folder: str | Path) -> None:
    """Download a dataset into `folder`, which is there only when it is whole: the `root` to prepare it from.

    Archives that an earlier attempt finished, in a folder beside it, are kept. `UserError` without a network.
    """
    folder = Path(folder)
    unfinished = folder.with_name(f".{folder.name}.part")
    unfinished.mkdir(parents=True, exist_ok=True)
    make(name, {**(options or {}), "root": str(unfinished)}).fetch()
    os.sync()  # a file of thousands may be small; none must be in memory alone when the name appears
    unfinished.replace(folder)


def prepare(name: str, options: dict | None, folder: str | Path) -> Path:
    """Make or check a dataset; returns the path of its `folder`/manifest.json."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = make(name, options)
    manifest = {"source": name, "options": asdict(chosen), **chosen.prepare(folder)}
    path = folder / MANIFEST
    with store.atomic(path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def open_split(
    folder: str | Path,
    split: str,
    classes: Sequence[int] | None = None,
    limit: int | None = None,
    seed: int = 0,
    root: str | None = None,
) -> Images:
    """One split of a prepared dataset as `Images`.

    root: where a dataset that is read in place lies now, if not where it was prepared.
    classes: class indices to keep (labels are not renumbered). limit: at most so many samples a class, chosen
    by `seed`, in their original order.
    """
    manifest = read_manifest(folder)
    if split not in manifest["splits"]:
        raise UserError(f"dataset {folder} has no split '{split}'; it has {', '.join(manifest['splits'])}")
    images = _prepared(manifest, root).open(Path(folder), manifest, split)
    expected = manifest["splits"][split]
    if len(images) != expected:
        raise UserError(
            f"dataset {folder}: split '{split}' has {len(images)} samples and had {expected} when prepared; "
            f"delete {Path(folder) / MANIFEST} to prepare it again"
        )
    try:
        return images.only(classes, limit, seed)
    except UserError as error:
        raise UserError(f"dataset {folder}, split '{split}': {error}") from None


def files_of(folder: str | Path, root: str | None = None) -> list[Path]:
    """What the images and labels of a prepared dataset are read from, in a fixed order: one content, one dataset.

    Of ImageNet it is the index, which has the name and size of every image.
    """
    return _prepared(read_manifest(folder), root).files(Path(folder))


def _prepared(manifest, root):
    return make(manifest["source"], manifest["options"] | ({"root": root} if root else {}))


def read_manifest(folder: str | Path) -> dict:
    """What `prepare` said of a dataset."""
    path = Path(folder) / MANIFEST
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: the dataset is not prepared") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is damaged ({error}); delete it to prepare the dataset again") from None
