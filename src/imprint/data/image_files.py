"""Datasets of image files, and the table of the class and split of each file.

`prepare` writes `files.csv` (path, label, split, bytes) to the prepared folder; later steps read that table.
"""

from __future__ import annotations

import csv
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.images import Images, stratified
from imprint.data.registry import Source, describe_file
from imprint.errors import UserError
from imprint.formatting import quoting
from imprint.store.files import atomic
from imprint.store.paths import MANIFEST

FILES = "files.csv"

Row = tuple[str, str, str]  # path from the root, name of the class, split


class FileSource(Source):
    """A source of image files below the folder `top()`. A subclass defines `top` and `rows`."""

    @abstractmethod
    def top(self) -> Path:
        """The folder that the paths in the table are relative to."""

    def named(self) -> str:
        """The dataset in messages."""
        return str(self.top())

    @abstractmethod
    def rows(self) -> tuple[list[Row], Sequence[str]]:
        """One row per image, and the class names in the order of their labels."""

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Write the table; see `Source.prepare`."""
        rows, class_names = self.rows()
        top = self.top()
        counts = {split: sum(row[2] == split for row in rows) for split in self.splits}
        empty = [split for split, count in counts.items() if count == 0]
        if empty:
            raise UserError(f"dataset {self.named()}: no images for {' and '.join(empty)}")
        with (
            atomic(folder / FILES) as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n", quoting=quoting(rows))
            writer.writerow(["path", "label", "split", "bytes"])
            writer.writerows((*row, file_size(top / row[0])) for row in rows)
        return {
            "class_names": list(class_names),
            "splits": counts,
            "files": {FILES: describe_file(folder / FILES)},
        }

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split; each image is read when it is indexed."""
        names = tuple(manifest["class_names"])
        index = {name: i for i, name in enumerate(names)}
        paths, labels = [], []
        recorded = manifest["files"].get(FILES)
        try:
            if recorded is not None and recorded != describe_file(folder / FILES):
                raise KeyError("it has changed since the dataset was prepared")
            with open(folder / FILES, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if row["split"] == split:
                        paths.append(row["path"])
                        labels.append(index[row["label"]])
        except (OSError, KeyError) as error:
            raise UserError(
                f"{folder / FILES} is missing or damaged ({error}); "
                f"delete {folder / MANIFEST} to prepare the dataset again"
            ) from error
        return Images(np.array(labels, np.int64), paths, names, folder=self.top())

    def files(self, folder: Path) -> list[Path]:
        """The table and the images that it names."""
        with open(folder / FILES, encoding="utf-8", newline="") as file:
            return [folder / FILES, *(self.top() / row["path"] for row in csv.DictReader(file))]


def file_size(path: Path) -> int:
    """The size of a file; -1 if it cannot be read, such as a broken link, which is reported when it is embedded."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def divided(
    paths: Iterable[str], labels: Sequence[str], test_fraction: float, seed: int
) -> list[Row]:
    """Rows of a dataset without a test split; a share of every class, drawn by `seed`, becomes the test split."""
    _, codes = np.unique(labels, return_inverse=True)
    test = stratified(codes, test_fraction, seed)
    return [
        (path, label, "test" if is_test else "train")
        for path, label, is_test in zip(paths, labels, test, strict=True)
    ]
