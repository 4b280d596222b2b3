"""Datasets by source and options: each is prepared once and then opened split by split.

`fetch` downloads a published dataset. `prepare` writes a folder with `manifest.json`: source, options, class names,
number of samples of each split, files. `open_split` reads that folder. `prepare` and `open_split` never download anything.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

# these modules register their sources
from imprint.data import (  # noqa: F401
    copies,
    glyphs,
    hugging_face,
    image_folder,
    image_table,
    mnist_m,
    sklearn,
    torchvision,
    webdataset,
)
from imprint.data.divided import UserSource
from imprint.data.image_files import FileSource
from imprint.data.images import Images
from imprint.data.registry import SOURCES, SPLITS, Source
from imprint.data.retries import is_local, reason
from imprint.errors import UserError
from imprint.registry import suggestion
from imprint.store.files import atomic, canonical, file_lock
from imprint.store.paths import DOWNLOADS, MANIFEST
from imprint.store.seals import BLANK, NAME, check_seal, seal

COPIES = "copies"  # in the manifest: a note on test images that are training images too


def make(name: str, options: Mapping[str, Any] | None = None) -> Source:
    """A dataset by its source and options.

    Raises
    ------
    UserError
        If the source, an option or its value is unknown.
    """
    entry: Any = SOURCES.find(name)
    options = dict(options or {})
    known = [field.name for field in fields(entry)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UserError(
            f"dataset source '{name}' has no option {', '.join(unknown)}; "
            f"known: {', '.join(known)}{suggestion(unknown[0], known)}"
        )
    try:
        dataset: Source = entry(**options)
    except TypeError as error:
        raise UserError(f"dataset source '{name}': {error}") from error
    return dataset


def fetch(
    name: str,
    options: Mapping[str, Any] | None,
    folder: str | Path,
    shared: str | Path | None = None,
) -> None:
    """Download a dataset.

    An interrupted download stays in a hidden folder beside `folder`; its complete archives are kept for the next attempt.

    Parameters
    ----------
    name : str
        The source.
    options : mapping
        Its options, without `root`.
    folder : path
        The `root` to prepare the dataset from. It exists only when the download is complete.
    shared : path, optional
        A folder shared by several studies, which stores the dataset once; `folder` gets links to it. A second process
        waits until the download of the first ends.

    Raises
    ------
    UserError
        If the dataset cannot be downloaded; the message says what to get by hand.
    """
    folder, options = Path(folder), dict(options or {})
    if shared is None:
        _fetch(name, options, folder)
        return
    digest = hashlib.sha256(canonical([name, options]).encode()).hexdigest()
    copy = Path(shared).absolute() / DOWNLOADS / digest
    if not copy.exists():
        copy.parent.mkdir(exist_ok=True)
        lock = file_lock(copy.with_name(f".{digest}.lock"), mode=0o666)  # for all users of it
        with suppress(OSError):  # a file system without locks
            lock.acquire()
        try:
            if not copy.exists():
                _fetch(name, options, copy)
        finally:
            lock.release()
    folder.mkdir(parents=True, exist_ok=True)
    for entry in copy.iterdir():
        (folder / entry.name).unlink(missing_ok=True)
        (folder / entry.name).symlink_to(entry)


def _fetch(name: str, options: dict[str, Any], folder: Path) -> None:
    dataset = make(name, options)
    if advice := dataset.by_hand():
        raise UserError(advice)
    unfinished = folder.with_name(f".{folder.name}.part")
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        dataset.fetch(unfinished)
    except UserError:
        raise
    except Exception as error:  # network errors, and any class for damaged files
        if isinstance(error, OSError) and is_local(error):
            raise
        raise UserError(dataset.unreachable(reason(error))) from error
    os.sync()  # all files, maybe thousands of small ones, must be on disk before the folder gets its name
    unfinished.replace(folder)


def prepare(name: str, options: Mapping[str, Any] | None, folder: str | Path) -> Path:
    """Generate or check a dataset.

    Parameters
    ----------
    name : str
        The source.
    options : mapping
        Its options.
    folder : path
        The folder of the manifest; a source that generates its images writes them there too.

    Returns
    -------
    Path
        The manifest in `folder`.

    Raises
    ------
    UserError
        If files of the dataset are missing or damaged.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dataset: Any = make(name, options)
    manifest = {"source": name, "options": asdict(dataset), **dataset.prepare(folder)}
    if isinstance(dataset, UserSource) and isinstance(dataset, FileSource):
        train, test = (dataset.open(folder, manifest, split) for split in SPLITS)
        if note := copies.in_words(train, test):
            manifest[COPIES] = note
    write_manifest(folder / MANIFEST, manifest)
    return folder / MANIFEST


def write_manifest(path: str | Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest with its seal."""
    text = json.dumps({**manifest, NAME: BLANK}, indent=1, ensure_ascii=False)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
        seal(temporary)


def open_split(
    folder: str | Path,
    split: str,
    classes: Sequence[int] | None = None,
    limit: int | None = None,
    root: str | None = None,
) -> Images:
    """One split of a prepared dataset.

    Parameters
    ----------
    folder : path
        The folder given to `prepare`.
    split : str
        Name of the split.
    classes : sequence of int, optional
        Classes to keep; labels are not renumbered.
    limit : int, optional
        Maximum number of samples per class, chosen at random, in their original order.
    root : str, optional
        The current folder of a dataset that is read in place, if it has moved since it was prepared.

    Raises
    ------
    UserError
        If the dataset is not prepared, has changed since, or has no such split or class.
    """
    manifest = read_manifest(folder)
    if split not in manifest["splits"]:
        raise UserError(
            f"dataset {folder} has no split '{split}'; it has {', '.join(manifest['splits'])}"
        )
    images = _prepared(manifest, root).open(Path(folder), manifest, split)
    expected = manifest["splits"][split]
    if len(images) != expected:
        raise UserError(
            f"dataset {folder}: split '{split}' has {len(images)} samples and had {expected} when prepared; "
            f"delete {Path(folder) / MANIFEST} to prepare it again"
        )
    try:
        return images.only(classes, limit)
    except UserError as error:
        raise UserError(f"dataset {folder}, split '{split}': {error}") from None


def files_of(folder: str | Path, root: str | None = None) -> list[Path]:
    """The files that the images and labels of a prepared dataset are read from, in a fixed order.

    Datasets are equal if the content of these files is. For ImageNet this is only the index, with name and size of every image.
    """
    return _prepared(read_manifest(folder), root).files(Path(folder))


def _prepared(manifest: Mapping[str, Any], root: str | None) -> Source:
    return make(manifest["source"], manifest["options"] | ({"root": root} if root else {}))


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest that `prepare` wrote; a `UserError` if it is missing or damaged."""
    path = Path(folder) / MANIFEST
    check_seal(path, "delete it to prepare the dataset again")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: the dataset is not prepared") from None
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}); delete it to prepare the dataset again"
        ) from None
    manifest.pop(NAME, None)
    return manifest
