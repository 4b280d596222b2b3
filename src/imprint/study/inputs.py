"""The inputs of a study: where datasets and weights are, and which images exist."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from imprint.data.image_table import is_table, read_table
from imprint.errors import UserError
from imprint.store.paths import downloads_folder, weights_file
from imprint.study.config.study import StudyConfig


def roots(config: StudyConfig) -> dict[str, str | None]:
    """The folder of each dataset that is read in place; None for the others."""
    return {
        name: str(downloads_folder(config.results, name))
        if entry.is_downloaded
        else getattr(entry, "root", None)
        for name, entry in config.datasets.items()
    }


def checkpoint(config: StudyConfig, fm: str) -> str | None:
    """The file of an FM's weights, the workflow's or the user's; None if there is none."""
    entry = config.fms[fm]
    return str(weights_file(config.results, fm)) if entry.makes_weights else entry.users_weights


def listing(path: str) -> str:
    """A digest of the names and sizes of the images in a folder, or of a table and the images it names.

    It changes when images are added or removed; unreadable tables count as empty, and the job reports them.
    """
    digest = hashlib.sha256()
    top = Path(path)
    if top.is_file() and is_table(top):
        digest.update(top.read_bytes())
        files, top = _named_in(top), top.parent
    elif top.is_file():
        files, top = [top], top.parent
    else:
        files = _below(top)
    for file in sorted(files):
        try:
            size = file.stat().st_size
        except OSError:  # a broken link
            size = -1
        line = f"{os.path.relpath(file, top)} {size}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _below(top: Path) -> list[Path]:
    """The files below a folder; links are followed, and each folder is read once, however many links lead to it."""
    files = []
    real = {str(top): os.path.realpath(top)}  # of the folders that are read
    read = set(real.values())
    for parent, folders, names in os.walk(top, followlinks=True):
        files += [Path(parent, name) for name in names]
        entries = sorted((Path(parent, name).is_symlink(), name) for name in folders)
        folders.clear()  # `os.walk` goes where its list says
        for is_link, name in entries:
            path = Path(parent, name)
            target = os.path.realpath(path) if is_link else f"{real[parent]}{os.sep}{name}"
            if target not in read:
                read.add(target)
                real[str(path)] = target
                folders.append(name)
    return files


def _named_in(table: Path) -> list[Path]:
    """The images that a table names."""
    try:
        return [table.parent / row["path"] for _, row in read_table(table)[1] if row.get("path")]
    except UserError:
        return []
