"""Datasets of the user's own images, with splits of their own or split here."""

from __future__ import annotations

import os
import re
import unicodedata
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.images import Images, stratified
from imprint.data.registry import Source
from imprint.errors import UserError
from imprint.formatting import count, listed

WHOLE = "whole"  # split name of data without splits
# words that name a split, also with an ending, such as testset, training and the folder testA
_SPLIT = re.compile("(?P<name>train|test|validation|val)(ing|id|s|sets?|data|[ab])?")
TEST_NAMES = ("test", "validation", "val")  # names of a test split; the first that exists is used


@dataclass(frozen=True)
class UserSource(Source):
    """The user's own images, read in place.

    Attributes
    ----------
    path : str
        Path of the images.
    test_fraction : float
        Share of every class in the split `test`, for images without splits of their own.
    seed : int
        Seed of that split.
    """

    path: str
    test_fraction: float = 0.2
    seed: int = 0


class DividedSource(UserSource):
    """User images that are stored as one set or in splits."""

    @abstractmethod
    def stored_splits(
        self, folder: Path | None = None, *, only: str | None = None, labelled: bool = True
    ) -> Mapping[str, Images]:
        """The images as they are stored: the split `whole`, or the splits `train` and `test`.

        Parameters
        ----------
        folder : Path, optional
            Folder for copies that are needed to read the images.
        only : str, optional
            The only split to read of data with splits.
        labelled : bool, default=True
            Whether labels are read; without them all images are in one class without a name.

        Raises
        ------
        UserError
            If they cannot be read, or lack labels.
        """

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Read the labels and positions of all images; see `Source.prepare`."""
        images = {split: self.open(folder, {}, split) for split in self.splits}
        empty = [split for split, part in images.items() if not len(part)]
        if empty:
            raise UserError(f"dataset {self.path}: no images for {' and '.join(empty)}")
        return {
            "class_names": list(images["train"].class_names),
            "splits": {split: len(part) for split, part in images.items()},
            "files": {
                os.path.relpath(path, self.path): {"bytes": path.stat().st_size}
                for path in self.files(folder)
            },
        }

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split; data without splits is split by `test_fraction` and `seed`."""
        images = self.stored_splits(folder)
        undivided = images.get(WHOLE)
        if undivided is None:
            untrained = np.setdiff1d(images["test"].labels, images["train"].labels)
            names = [images["test"].class_names[label] for label in untrained]
            require_trained(f"dataset {self.path}", names)
            return images[split]
        is_test = stratified(undivided.labels, self.test_fraction, self.seed)
        return undivided.take(np.flatnonzero(is_test == (split == "test")))


def require_trained(dataset: str, untrained: Sequence[str], test: str = "the split test") -> None:
    """A `UserError` if classes of the split test have no image in the split train."""
    if untrained:
        classes = count(len(untrained), "class", "classes")
        raise UserError(f"{dataset}: no image in train of {classes} of {test}: {listed(untrained)}")


def by_split(files: Iterable[Path], top: Path) -> dict[str, list[Path]]:
    """Files by split: the first word that names a split in the folders below `top` or the file name; `train` if there is none.

    Words are separated by anything but letters: `birds-test-0.tar` is of the split test, `valley-1.tar` names no split.
    """
    splits: dict[str, list[Path]] = {}
    for file in files:
        words = re.findall("[a-z]+", str(file.relative_to(top)).lower())
        names = (match["name"] for word in words if (match := _SPLIT.fullmatch(word)))
        splits.setdefault(next(names, "train"), []).append(file)
    return splits


def named_splits(names: Mapping[str, Any], path: str, only: str | None = None) -> dict[str, str]:
    """The stored names of the splits `train` and `test`, or of `only`; a single split is `whole`.

    Raises
    ------
    UserError
        If there are several splits, but not both a training and a test split.
    """
    if len(names) == 1:
        return {WHOLE: next(iter(names))}
    test = next((name for name in TEST_NAMES if name in names), None)
    if "train" not in names or test is None:
        raise UserError(
            f"dataset {path} has the splits {', '.join(names)}; it needs train and {' or '.join(TEST_NAMES)}"
        )
    splits = {"train": "train", "test": test}
    return {only: splits[only]} if only else splits


def require_distinct(names: Iterable[str]) -> None:
    """A `UserError` if names of classes look alike: they differ only in blanks, or in how Unicode writes an accent."""
    alike: dict[str, str] = {}
    for name in names:
        seen = " ".join(unicodedata.normalize("NFC", name).split())
        other = alike.setdefault(seen, name)
        if other != name:
            raise UserError(
                f"the classes {other!a} and {name!a} differ only in blanks or in the Unicode form of a letter; write them alike"
            )


def numbers_of(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Label numbers 0..C-1 and class names of labels that are names; names that are all integers are in numeric order."""
    texts = np.unique(labels.astype(str))
    require_distinct(texts.tolist())
    try:
        names = sorted(texts.tolist(), key=int)
    except ValueError:
        names = texts.tolist()
    numbers = {name: number for number, name in enumerate(names)}
    of_labels = [numbers[label] for label in labels.astype(str).tolist()]
    return np.array(of_labels, np.int64), tuple(names)
