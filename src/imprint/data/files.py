"""Datasets made of the user's own image files: a folder a class, or a table of paths.

They leave `files.csv` (path, label, split, bytes) in the prepared folder: which file is what, fixed from then
on.
"""

import csv
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint import store
from imprint.data.images import Images, stratified
from imprint.data.registry import describe_file, source
from imprint.errors import UserError

log = logging.getLogger("imprint")

FILES = "files.csv"
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

_LISTED = 5
_WHOLE = re.compile(r"-?[0-9]+")


class Files:
    """What sources of image files share: the table that `prepare` leaves, and how a split is read from it.

    `_root()` is the folder that paths are relative to.
    """

    splits = ("train", "test")

    def open(self, folder, manifest, split):
        names = tuple(manifest["class_names"])
        index = {name: i for i, name in enumerate(names)}
        try:
            with open(folder / FILES, encoding="utf-8", newline="") as file:
                rows = [
                    (row["path"], index[row["label"]])
                    for row in csv.DictReader(file)
                    if row["split"] == split
                ]
        except (OSError, KeyError) as error:
            raise UserError(
                f"{folder / FILES} is missing or damaged ({error}); prepare the dataset again"
            ) from error
        labels = np.array([label for _, label in rows], np.int64)
        return Images(labels, [path for path, _ in rows], names, folder=self._root())

    def files(self, folder):
        with open(folder / FILES, encoding="utf-8", newline="") as file:
            return [folder / FILES, *(self._root() / row["path"] for row in csv.DictReader(file))]

    def _write(self, folder, rows, class_names):
        """Write rows (path from the root, label name, split) to files.csv. Returns the manifest entries."""
        root = self._root()
        with (
            store.atomic(folder / FILES) as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "label", "split", "bytes"])
            writer.writerows(
                (path, label, split, (root / path).stat().st_size) for path, label, split in rows
            )
        counts = {split: sum(row[2] == split for row in rows) for split in self.splits}
        empty = [split for split, count in counts.items() if count == 0]
        if empty:
            raise UserError(f"dataset {root}: no images for {' and '.join(empty)}")
        return {
            "class_names": list(class_names),
            "splits": counts,
            "files": {FILES: describe_file(folder / FILES)},
        }

    def _divided(self, paths, labels):
        """Rows of a dataset that has no test part of its own."""
        if not 0 < self.test_fraction < 1:
            raise UserError(
                f"dataset {self._root()}: test_fraction {self.test_fraction} is not between 0 and 1"
            )
        _, codes = np.unique(labels, return_inverse=True)
        test = stratified(codes, self.test_fraction, self.seed)
        return [(p, label, "test" if t else "train") for p, label, t in zip(paths, labels, test, strict=True)]


@source("imagefolder")
@dataclass(frozen=True)
class ImageFolder(Files):
    """A folder with a folder for every class, named like it, of images at any depth.

    With `train` and `test` (or `val`) folders at the top, each has the classes; otherwise `test_fraction` of
    every class is taken for the test by `seed`.
    """

    path: str
    test_fraction: float = 0.2
    seed: int = 0

    def class_count(self):
        try:
            return len(self._classes(self._root() / ("train" if self._test() else "")))
        except OSError:
            return None

    def prepare(self, folder):
        root = self._root()
        if not root.is_dir():
            raise UserError(f"dataset folder {root} does not exist")
        test = self._test()
        if test is None:
            names, paths, labels = self.scan("")
            return self._write(folder, self._divided(paths, labels), names)
        names, train_paths, train_labels = self.scan("train")
        others, test_paths, test_labels = self.scan(test)
        unknown = sorted(set(others) - set(names))
        if unknown:
            raise UserError(
                f"dataset {root}: {test}/ has {len(unknown)} classes that train/ lacks: "
                + ", ".join(unknown[:_LISTED])
            )
        rows = [(path, label, "train") for path, label in zip(train_paths, train_labels, strict=True)]
        rows += [(path, label, "test") for path, label in zip(test_paths, test_labels, strict=True)]
        return self._write(folder, rows, names)

    def _root(self):
        return Path(self.path)

    def _test(self):
        """The folder of the test split, where the images are divided already."""
        root = self._root()
        test = next((name for name in ("test", "val") if (root / name).is_dir()), None)
        return test if (root / "train").is_dir() else None

    def _classes(self, top):
        return sorted(
            entry.name for entry in os.scandir(top) if entry.is_dir() and not entry.name.startswith(".")
        )

    def scan(self, part):
        """(class names, paths relative to the root, their labels) of one folder of class folders, sorted."""
        top = self._root() / part
        names = self._classes(top)
        if not names:
            raise UserError(
                f"dataset folder {top} has no class folders; it needs one folder of images for each class"
            )
        paths, labels, ignored = [], [], 0
        for name in names:
            found = []
            for parent, folders, files in os.walk(top / name, followlinks=True):
                folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
                visible = [file for file in files if not file.startswith(".")]
                images = [file for file in visible if file.lower().endswith(SUFFIXES)]
                ignored += len(visible) - len(images)
                below = Path(parent).relative_to(self._root())
                found += [(below / file).as_posix() for file in images]
            if not found:
                kinds = " ".join(SUFFIXES)
                raise UserError(f"dataset folder {top / name} has no images ({kinds}); fill it or remove it")
            paths += sorted(found)
            labels += [name] * len(found)
        if ignored:
            log.warning("%s: %d files are no images by their names and are left out", top, ignored)
        return names, paths, labels


@source("csv")
@dataclass(frozen=True)
class Table(Files):
    """A CSV table with the columns path, label and, if it has a test part of its own, split (train, test).

    Paths are relative to the table's folder. Without a split column `test_fraction` of every class is taken
    for the test by `seed`. Classes are in the order of their names; names that are all whole numbers, in the
    order of the numbers.
    """

    path: str
    test_fraction: float = 0.2
    seed: int = 0

    def class_count(self):
        try:
            return len({row["label"] for _, row in self._table()[1]}) or None
        except (UserError, KeyError):
            return None

    def _table(self):
        """The columns of the table, and its rows, each with the number of its line."""
        try:
            with open(self.path, encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                columns = reader.fieldnames or []
                return columns, [(reader.line_num, row) for row in reader]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"dataset table {self.path} cannot be read: {error}") from error

    def prepare(self, folder):
        columns, table = self._table()
        lacking = [name for name in ("path", "label") if name not in columns]
        if lacking:
            raise UserError(
                f"dataset table {self.path} has no column {' and '.join(lacking)}, "
                f"it has: {', '.join(columns)}; it needs path and label, and may have split"
            )
        self._check(table, "split" in columns)
        paths = [row["path"] for _, row in table]
        labels = [row["label"] for _, row in table]
        names = sorted(set(labels), key=int if all(map(_WHOLE.fullmatch, labels)) else None)
        if "split" in columns:
            rows = [(row["path"], row["label"], row["split"]) for _, row in table]
            unseen = sorted({row[1] for row in rows} - {row[1] for row in rows if row[2] == "train"})
            if unseen:
                raise UserError(
                    f"dataset table {self.path}: {len(unseen)} classes of the split test have no image in train: "
                    + ", ".join(unseen[:_LISTED])
                )
        else:
            rows = self._divided(paths, labels)
        return self._write(folder, rows, names)

    def _root(self):
        return Path(self.path).parent

    def _check(self, table, has_split):
        problems, seen = [], {}
        for line, row in table:
            if not row["path"] or not row["label"]:
                problems.append(f"line {line}: path or label is empty")
            elif row["path"] in seen:
                problems.append(f"line {line}: {row['path']} is in line {seen[row['path']]} already")
            elif not (self._root() / row["path"]).is_file():
                problems.append(f"line {line}: {self._root() / row['path']} does not exist")
            elif has_split and row["split"] not in self.splits:
                problems.append(f"line {line}: split '{row['split']}' is neither train nor test")
            seen.setdefault(row["path"], line)
        if problems:
            more = f"\n  and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
            listed = "\n  ".join(problems[:_LISTED])
            raise UserError(
                f"dataset table {self.path} is not usable, {len(problems)} problems:\n  {listed}{more}"
            )
