"""Datasets by source and options: each is prepared once and then opened split by split.

`fetch` downloads a published dataset. `prepare` leaves a folder with `manifest.json` (source, options, class names,
number of samples a split, files) and, for a source that makes its images, `images.h5`. `open_split` reads that folder.
These two never download anything.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

from imprint import store
from imprint.data import bundled, downloads, files  # noqa: F401  (they register their sources)
from imprint.data.fetch import is_local, persistent, reason
from imprint.data.images import Images
from imprint.data.registry import DOWNLOADS, MANIFEST, SOURCES
from imprint.errors import UserError

# what is downloaded and checked as one; torchvision compares their checksums before it downloads them again
ARCHIVES = (".bz2", ".gz", ".mat", ".tar", ".tgz", ".xz", ".zip")


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


def fetch(name: str, options: dict | None, folder: str | Path, shared: str | Path | None = None) -> None:
    """Download a dataset into `folder`, which is there only when it is whole: the `root` to prepare it from.

    Archives that an earlier attempt finished, in a folder beside it, are kept; what they hold is unpacked anew. shared: a
    folder of several users of the same dataset, where it lies once, and `folder` has links to it; who comes while
    another downloads it waits. `UserError` without a network.
    """
    folder = Path(folder)
    if shared is None:
        _fetch(name, options or {}, folder)
        return
    what = hashlib.sha256(store.canonical([name, options or {}]).encode()).hexdigest()
    place = Path(shared).absolute() / DOWNLOADS / what
    place.parent.mkdir(exist_ok=True)
    with open(place.with_suffix(".lock"), "a") as lock:
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _fetch(name, options or {}, place)
    folder.mkdir(parents=True, exist_ok=True)
    for entry in place.iterdir():
        (folder / entry.name).unlink(missing_ok=True)
        (folder / entry.name).symlink_to(entry)


def _is_archive(path):
    """Whether a file below the root was downloaded as it is; deeper lies what is unpacked, such as dtd/dtd/imdb/imdb.mat."""
    return path.suffix in ARCHIVES and (len(path.parts) <= 2 or path.parent.name == "raw")


def _fetch(name, options, folder):
    unfinished = folder.with_name(f".{folder.name}.part")
    unfinished.mkdir(parents=True, exist_ok=True)
    chosen = make(name, {**options, "root": str(unfinished)})

    def attempt():
        # whoever unpacked them may have been killed, and torchvision takes a folder that is there for a whole one
        for path in unfinished.rglob("*"):
            if not path.is_dir() and not _is_archive(path.relative_to(unfinished)):
                path.unlink()
        for path in sorted(unfinished.rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        chosen.fetch()

    try:
        persistent(name, attempt)
    except UserError:
        raise
    except Exception as error:  # RuntimeError, and anything for what is damaged
        if isinstance(error, OSError) and is_local(error):
            raise
        raise UserError(chosen.unreachable(reason(error))) from error
    os.sync()  # there may be thousands of small files; none must be in memory alone when the name appears
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
