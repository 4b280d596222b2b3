"""Datasets of the user's own images: a folder for each class."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.data.image_files import (
    LISTED,
    SUFFIXES,
    FileSource,
    Row,
    divided,
    is_clutter,
)
from imprint.data.registry import source
from imprint.errors import UserError

log = logging.getLogger("imprint")


@source("imagefolder")
@dataclass(frozen=True)
class ImageFolder(FileSource):
    """A folder with a folder for every class, named like it, of images at any depth.

    With folders `train` and `test` (or `val`) at the top, each of these has the classes.

    Attributes
    ----------
    path : str
        The folder.
    test_fraction : float
        Share of every class in the split `test`, where the images are not divided already.
    seed : int
        Seed of that division.
    """

    path: str
    test_fraction: float = 0.2
    seed: int = 0

    own_files = True

    def top(self) -> Path:
        """The folder."""
        return Path(self.path)

    def class_count(self) -> int | None:
        """The number of folders; None if they cannot be read."""
        try:
            return len(_class_folders(self.top() / ("train" if self._test_folder() else "")))
        except OSError:
            return None

    def rows(self) -> tuple[list[Row], Sequence[str]]:
        """A row for each image, sorted; see `FileSource.rows`."""
        top = self.top()
        if not top.is_dir():
            raise UserError(f"dataset folder {top} does not exist")
        test_folder = self._test_folder()
        if test_folder is None:
            names, paths, labels = self.scan()
            return divided(self.top(), paths, labels, self.test_fraction, self.seed), names
        names, paths, labels = self.scan("train")
        rows = [(path, label, "train") for path, label in zip(paths, labels, strict=True)]
        test_names, paths, labels = self.scan(test_folder)
        rows += [(path, label, "test") for path, label in zip(paths, labels, strict=True)]
        unknown = sorted(set(test_names) - set(names))
        if unknown:
            raise UserError(
                f"dataset {top}: {test_folder}/ has {len(unknown)} classes that train/ lacks: "
                + ", ".join(unknown[:LISTED])
            )
        return rows, names

    def scan(self, subfolder: str = "") -> tuple[list[str], list[str], list[str]]:
        """The images of one folder of class folders.

        Returns
        -------
        class_names, paths, labels : list of str
            Sorted names of the classes, paths from the dataset's folder, and the class name of each path.

        Raises
        ------
        UserError
            If there is no class folder, or one without images.
        """
        top = self.top() / subfolder
        names = _class_folders(top)
        if not names:
            raise UserError(
                f"dataset folder {top} has no class folders; it needs one folder of images for each class"
            )
        paths: list[str] = []
        labels: list[str] = []
        ignored = 0
        for name in names:
            images: list[str] = []
            for parent, folders, files in os.walk(top / name, followlinks=True):
                folders[:] = sorted(folder for folder in folders if not is_clutter(folder))
                visible = [file for file in files if not is_clutter(file)]
                below = Path(parent).relative_to(self.top())
                named_as_images = [file for file in visible if file.lower().endswith(SUFFIXES)]
                images += [(below / file).as_posix() for file in named_as_images]
                ignored += len(visible) - len(named_as_images)
            if not images:
                kinds = " ".join(SUFFIXES)
                raise UserError(
                    f"dataset folder {top / name} has no images ({kinds}); fill it or remove it"
                )
            paths += sorted(images)
            labels += [name] * len(images)
        if ignored:
            log.warning("%s: %d files are no images by their names and are left out", top, ignored)
        return names, paths, labels

    def _test_folder(self) -> str | None:
        """The name of the test split's folder, where the images are divided already."""
        if not (self.top() / "train").is_dir():
            return None
        return next((name for name in ("test", "val") if (self.top() / name).is_dir()), None)


def _class_folders(top: Path) -> list[str]:
    return sorted(
        entry.name for entry in os.scandir(top) if entry.is_dir() and not is_clutter(entry.name)
    )
