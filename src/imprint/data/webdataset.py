"""Datasets of the user's own images: WebDataset, tar archives of image files with a label file for each."""

from __future__ import annotations

import json
import logging
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.divided import (
    DividedSource,
    by_split,
    named_splits,
    numbers_of,
    require_distinct,
)
from imprint.data.folders import files_below, is_clutter
from imprint.data.image_formats import IMAGE_SUFFIXES
from imprint.data.images import Images
from imprint.data.registry import source
from imprint.data.stores import Archives, members
from imprint.errors import UserError
from imprint.formatting import label_text, listed
from imprint.store.embeddings import UNNAMED

log = logging.getLogger("imprint")

CLASS_NAMES = "classnames.txt"  # one name per line, for the labels 0, 1, ...


@source("webdataset")
@dataclass(frozen=True)
class WebDataset(DividedSource):
    """An uncompressed tar archive (a "shard") at `path`, or a folder of them; `a/b.jpg` and `a/b.cls` are an image and its label.

    Nothing is unpacked: each image is read in place, so that a run can continue where it stopped. Shards have
    splits if a word of their folder or name is `train` or `test`, as in `birds-test-0.tar`. The label is a number or
    a name, in a file `.cls` or as `label` in a file `.json`; `classnames.txt` beside the shards names the numeric
    labels, one name per line.
    """

    def stored_splits(
        self, folder: Path | None = None, *, only: str | None = None, labelled: bool = True
    ) -> Mapping[str, Images]:
        """The images as they are stored; see `DividedSource.stored_splits`."""
        shards = by_split(self._shards(), self._top())
        read = {
            split: _Samples(shards[name], self._top(), labelled)
            for split, name in named_splits(shards, self.path, only).items()
        }
        texts = np.concatenate([samples.labels for samples in read.values()])
        numbers, names = np.zeros(len(texts), np.int64), UNNAMED
        if labelled:
            numbers, names = self._named(texts)
        ends = np.cumsum([len(samples.labels) for samples in read.values()])[:-1]
        return {
            split: Images(labels, samples.ids, names, store=samples.store())
            for (split, samples), labels in zip(read.items(), np.split(numbers, ends), strict=True)
        }

    def files(self, folder: Path) -> list[Path]:
        """The shards, and the file of class names if there is one."""
        names = self._top() / CLASS_NAMES
        return [*self._shards(), *([names] if names.exists() else [])]

    def _top(self) -> Path:
        path = Path(self.path)
        return path.parent if path.is_file() else path

    def _shards(self) -> list[Path]:
        path = Path(self.path)
        shards = [path] if path.is_file() else files_below(path, ".tar")
        if not shards:
            raise UserError(f"dataset {path} has no shards (.tar)")
        return shards

    def _named(self, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Label numbers and class names."""
        file = self._top() / CLASS_NAMES
        if not file.exists():
            return numbers_of(labels)
        try:
            names = tuple(file.read_text(encoding="utf-8-sig").splitlines())
        except UnicodeDecodeError:
            raise UserError(f"{file} is not UTF-8; save it as UTF-8") from None
        try:
            numbers = labels.astype(np.int64)
        except (ValueError, OverflowError):
            texts = labels.tolist()
            other = next((text for text in texts if not text.isdecimal()), max(texts, key=len))
            raise UserError(
                f"{file} gives names for numeric labels, but there are labels such as '{other}'"
            ) from None
        if numbers.min() < 0 or numbers.max() >= len(names):
            raise UserError(
                f"{file} has {len(names)} names, but labels go from {numbers.min()} to {numbers.max()}"
            )
        if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
            raise UserError(f"{file} gives several labels the same name: {listed(repeated)}")
        require_distinct(names)
        return numbers, names


class _Samples:
    """The samples of some shards, in the order of the shards."""

    def __init__(self, shards: list[Path], top: Path, labelled: bool) -> None:
        self.shards = shards
        self.ids: list[str] = []
        spans: list[tuple[int, int, int]] = []
        labels: list[str] = []
        ignored: list[str] = []
        for number, shard in enumerate(shards):
            images: dict[str, tarfile.TarInfo] = {}
            of_key: dict[str, str] = {}
            with open(shard, "rb") as file:
                for member in members(shard):
                    key, suffix = _key(member.name)
                    if suffix in IMAGE_SUFFIXES:
                        if key in images:
                            raise UserError(
                                f"{shard}: the sample {key} has two images, {images[key].name} and {member.name}"
                            )
                        images[key] = member
                    elif suffix.endswith(IMAGE_SUFFIXES) and not is_clutter(Path(member.name).name):
                        ignored.append(f"{shard.name}/{member.name}")
                    elif labelled and suffix in (".cls", ".json"):
                        file.seek(member.offset_data)
                        label = _label(file.read(member.size), shard, member.name)
                        if label is not None:
                            of_key.setdefault(key, label)
            for key, member in images.items():
                if labelled and key not in of_key:
                    raise UserError(
                        f"{shard}: {member.name} has no label; it needs {key}.cls, or {key}.json with an entry 'label'"
                    )
                self.ids.append((shard.relative_to(top) / member.name).as_posix())
                spans.append((number, member.offset_data, member.size))
                labels.append(of_key.get(key, ""))
        if not spans:
            raise UserError(
                f"{shards[0].parent}: no images ({' '.join(IMAGE_SUFFIXES)}) in its shards"
            )
        if ignored:
            log.warning(
                "%s: images with more than one dot in their names are left out, as the suffix begins at the first: %s",
                shards[0].parent,
                listed(ignored),
            )
        self.spans, self.labels = np.array(spans, np.int64), np.array(labels)

    def store(self) -> Archives:
        """The store that the images are read from."""
        return Archives(tuple(self.shards), self.spans)


def _key(name: str) -> tuple[str, str]:
    """The key that the files of a sample share, and the suffix: everything from the first dot of the base name on."""
    folder, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return f"{folder}{slash}{stem}", f".{suffix.lower()}"


def _label(content: bytes, shard: Path, name: str) -> str | None:
    """The label in the label file of an image; None if it has none."""
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UserError(f"{shard}: {name} is not UTF-8; save it as UTF-8") from None
    if name.lower().endswith(".cls"):
        return text or None
    try:
        entries: Any = json.loads(text)
    except json.JSONDecodeError:
        return None
    label = entries.get("label") if isinstance(entries, dict) else None
    if isinstance(label, list | dict):
        raise UserError(f"{shard}: the label in {name} is {label}, and not one text or number")
    return label_text(label)
