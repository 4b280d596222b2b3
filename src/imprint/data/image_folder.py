"""Datasets of the user's own images: one folder per class."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.data.divided import TEST_NAMES, UserSource, require_distinct, require_trained
from imprint.data.folders import LIKE_SPLITS, LeftOut, loose_images, search_each, subfolders
from imprint.data.image_files import FileSource, Row, divided
from imprint.data.image_formats import IMAGE_SUFFIXES
from imprint.data.registry import source
from imprint.errors import UserError
from imprint.formatting import listed

log = logging.getLogger("imprint")


@source("imagefolder")
@dataclass(frozen=True)
class ImageFolder(UserSource, FileSource):
    """A folder at `path` with one subfolder of images, at any depth, per class; the subfolder's name is the class name.

    With folders `train` and `test` (or `validation` or `val`) at the top, each of these has the class folders.
    """

    def top(self) -> Path:
        """The folder."""
        return Path(self.path)

    def class_names(self) -> Sequence[str]:
        """The names of the class folders; see `Source.class_names`."""
        return subfolders(self.top() / ("train" if self._test_folder() else ""))

    def rows(self) -> tuple[list[Row], Sequence[str]]:
        """One row per image, sorted; see `FileSource.rows`."""
        top = self.top()
        if not top.is_dir():
            problem = "is a file; source csv reads tables" if top.exists() else "does not exist"
            raise UserError(f"dataset folder {top} {problem}")
        test_folder = self._test_folder()
        if test_folder is None:
            names, paths, labels = self.scan()
            return divided(paths, labels, self.test_fraction, self.seed), names
        names, paths, labels = self.scan("train")
        rows = [(path, label, "train") for path, label in zip(paths, labels, strict=True)]
        test_names, paths, labels = self.scan(test_folder)
        rows += [(path, label, "test") for path, label in zip(paths, labels, strict=True)]
        if others := sorted(set(subfolders(top)) - {"train", test_folder}):
            log.warning(
                "%s: folders beside train and %s are left out: %s", top, test_folder, listed(others)
            )
        untrained = sorted(set(test_names) - set(names))
        require_trained(f"dataset {top}", untrained, f"{test_folder}/")
        return rows, names

    def scan(self, subfolder: str = "") -> tuple[list[str], list[str], list[str]]:
        """The images in the class folders of one folder.

        Returns
        -------
        class_names, paths, labels : list of str
            Sorted class names, paths relative to the dataset's folder, and the class name of each path.

        Raises
        ------
        UserError
            If there is no class folder, or a class folder has no images.
        """
        top = self.top() / subfolder
        names = subfolders(top)
        if not names:
            raise UserError(
                f"dataset folder {top} has no class folders; it needs one folder of images for each class"
            )
        require_distinct(names)
        if {name.lower() for name in names} <= LIKE_SPLITS:
            raise UserError(
                f"dataset folder {top}: {' and '.join(names)} are names of splits, not of classes; images with splits need "
                f"the folders train and {' or '.join(TEST_NAMES)}, so written; for images without splits, give the folder of "
                f"the class folders, such as {top / names[-1]}"
            )
        classes = [top / name for name in names]
        paths: list[str] = []
        labels: list[str] = []
        left_out = LeftOut()
        of_classes = search_each(classes, [top], left_out)
        for name, images in zip(names, of_classes, strict=True):
            paths += sorted(path.relative_to(self.top()).as_posix() for path in images)
            labels += [name] * len(images)
        if empty := [
            folder for folder, images in zip(classes, of_classes, strict=True) if not images
        ]:
            kinds = " ".join(IMAGE_SUFFIXES)
            raise UserError(
                f"folders without images ({kinds}): {listed(empty)}; fill or remove them"
            )
        left_out.note(top)
        if loose := loose_images(top):
            log.warning(
                "%s: images beside the folders of classes are left out: %s", top, listed(loose)
            )
        if len(names) > 1 and not any((self.top() / path).parent in classes for path in paths):
            log.warning(
                "%s: the classes are its subfolders (%s), not the folders inside them",
                top,
                listed(names),
            )
        return names, paths, labels

    def _test_folder(self) -> str | None:
        """The name of the test split's folder, for images with splits; else None."""
        if not (self.top() / "train").is_dir():
            return None
        return next((name for name in TEST_NAMES if (self.top() / name).is_dir()), None)
