"""The images of a source: a folder, a table of paths, a dataset or an image file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from imprint.errors import NoSplits, UserError, WrongSource
from imprint.store.embeddings import UNNAMED
from imprint.store.given_embeddings import EMBEDDINGS_SUFFIXES
from imprint.store.heads import SUFFIX

if TYPE_CHECKING:
    from imprint.data.divided import DividedSource
    from imprint.data.images import Images

log = logging.getLogger("imprint")

PARQUET = ".parquet"
Classes = Literal["required", "optional", "ignored"]
Split = Literal["train", "test"]


def images_of(
    source: Path, *, classes: Classes, split: Split = "train", needs_splits: bool = False
) -> Images:
    """The images of a folder, a table, a Hugging Face or WebDataset dataset, or a single image file.

    Hidden files and folders are left out. A folder that holds only `train` and `test` (or `validation` or `val`) has splits.

    Parameters
    ----------
    source : Path
        A folder of images, a CSV or Parquet table of paths, a dataset, or an image.
    classes : {"required", "optional", "ignored"}
        Whether classes are read, such as the folders in `source`. With `optional`, a source may have none, and folders count as
        classes only if no image is beside them.
    split : {"train", "test"}, default="train"
        The images that are used if the source has splits.
    needs_splits : bool, default=False
        Whether a source without splits is an error, a `NoSplits`. Otherwise a note says which split is used.

    Raises
    ------
    UserError
        If the source does not exist, or has no images, no classes or no splits.
    """
    # imported here: files of embeddings do not need the packages for images
    from imprint.data.folders import loose_images, require_utf8, split_folders
    from imprint.data.image_table import is_table

    require_source(source)
    if source.is_file() and is_table(source):
        return _images_of_table(source, classes, split, needs_splits)
    if (dataset := _dataset(source)) is not None:
        return _images_of_dataset(source, dataset, classes, split, needs_splits)
    if source.suffix.lower() in EMBEDDINGS_SUFFIXES:
        raise UserError(
            f"{source} holds embeddings, not images; use it with fit, compare or predict"
        )
    if source.suffix.lower() == ".npy":
        raise UserError(
            f"{source} is a single array; give embeddings as .npz with 'embeddings' (N, D) and 'labels' (N,), as numpy.savez "
            "writes it"
        )
    if source.suffix == SUFFIX:
        raise UserError(f"{source} holds a head or weights, not images; give images or embeddings")
    folders = split_folders(source) if source.is_dir() else {}
    if folders and (classes == "required" or not loose_images(source)):
        if not needs_splits:
            log.warning(f"note: {source} is divided into splits; only {folders[split]} is used")
        images = _images_of_folder(folders[split], classes)
        ids = [f"{folders[split].name}/{name}" for name in images.ids]
        return replace(images, ids=ids, folder=source)
    if needs_splits:
        raise _without_splits(source)
    if not source.is_dir():
        require_utf8([source])
        if classes == "required":
            raise UserError(
                f"{source} is one image; give a folder with a folder of images for each class, or a table with the columns "
                "path and label"
            )
        if classes == "ignored":  # the same id as beside other sources
            return _without_classes([source.as_posix()], Path())
        return _without_classes([source.name], source.parent)
    return _images_of_folder(source, classes)


def images_of_several(sources: Sequence[Path]) -> Images:
    """The images of several folders, tables and files, without classes; paths are ids. With splits, the test images.

    Raises
    ------
    UserError
        If a source is of another kind or does not exist.
    """
    paths: list[str] = []
    for source in sources:
        images = (
            None if holds_embeddings(source) else images_of(source, classes="ignored", split="test")
        )
        if images is None or images.folder is None:
            raise UserError(
                f"{source} can only be given alone; several sources must be folders, tables of paths or images"
            )
        paths += [(images.folder / name).as_posix() for name in images.ids]
    paths = list(dict.fromkeys(paths))
    return _without_classes(paths, Path())


def _without_classes(ids: list[str], folder: Path) -> Images:
    """Images in files of a folder, of one unnamed class."""
    from imprint.data.images import Images

    return Images(np.zeros(len(ids), np.int64), ids, UNNAMED, folder=folder)


def _images_of_folder(source: Path, classes: Classes) -> Images:
    """The images of a folder without splits."""
    from imprint.data.folders import LeftOut, loose_images, search_each, subfolders
    from imprint.data.image_formats import IMAGE_SUFFIXES

    folders, loose = subfolders(source), loose_images(source)
    if classes == "required" or (classes == "optional" and folders and not loose):
        return _images_by_class(source, classes)
    if classes == "optional" and folders:
        log.warning(
            f"note: {source} has images beside its folders, such as {loose[0]}; so the folders are not used as classes"
        )
    left_out = LeftOut()
    (paths,) = search_each([source], (), left_out)
    ids = sorted(path.relative_to(source).as_posix() for path in paths)
    if not ids:
        raise UserError(f"{source} has no images ({' '.join(IMAGE_SUFFIXES)})")
    left_out.note(source)
    return _without_classes(ids, source)


def _images_by_class(source: Path, classes: Classes) -> Images:
    from imprint.data.folders import SPLITS, folder_of_classes, split_folders, subfolders
    from imprint.data.image_folder import ImageFolder
    from imprint.data.images import Images

    folders, instead = subfolders(source), folder_of_classes(source)
    if not folders:
        raise UserError(
            f"{source} has no class folders; give a folder with a folder of images for each class (for a single class, the "
            "folder that contains its folder)"
        )
    if instead is not None:
        below = ", ".join(subfolders(instead))
        message = f"{source} has one folder and so one class, {folders[0]}; the folders in {instead} ({below}) seem to be the classes"
        if split_folders(instead.parent):
            instead = instead.parent
        if set(folders) <= SPLITS:
            raise WrongSource(
                f"{source} holds {' and '.join(folders)}; give one of them, such as {instead}",
                source,
                instead,
            )
        if classes == "required":
            raise WrongSource(f"{message}: give {instead}", source, instead)
        log.warning(f"note: {message}")
    names, ids, labels = ImageFolder(str(source)).scan()
    numbers = {name: number for number, name in enumerate(names)}
    return Images(np.array([numbers[label] for label in labels]), ids, tuple(names), folder=source)


def _dataset(source: Path) -> DividedSource | None:
    """The dataset that a source is; None for any other."""
    from imprint.data.folders import SPLITS
    from imprint.data.hugging_face import SAVED, HuggingFaceDataset
    from imprint.data.webdataset import WebDataset

    if source.suffix.lower() == ".tar":
        return WebDataset(str(source))
    if source.suffix.lower() == PARQUET:
        return HuggingFaceDataset(str(source))
    if source.is_dir():
        if any((source / name).exists() for name in SAVED):
            return HuggingFaceDataset(str(source))
        if _has_image_files(source):  # a folder of images, whatever else is in it
            return None
        # only these folders are searched for other files
        folders = [source, *(source / name for name in ("data", *SPLITS))]
        if any(next(folder.glob("*.tar"), None) for folder in folders):
            return WebDataset(str(source))
        if any(next(folder.glob(f"*{PARQUET}"), None) for folder in folders):
            return HuggingFaceDataset(str(source))
    return None


def _has_image_files(source: Path) -> bool:
    """Whether there are image files in a folder or the folders in it."""
    from imprint.data.folders import loose_images, subfolders

    folders = [source, *(source / name for name in subfolders(source))]
    return any(map(loose_images, folders))


def _images_of_dataset(
    source: Path, dataset: DividedSource, classes: Classes, split: Split, needs_splits: bool
) -> Images:
    from imprint.data.divided import WHOLE

    try:
        images = dataset.stored_splits(only=split, labelled=classes != "ignored")
    except UserError as error:
        if classes != "optional":
            raise
        images = dataset.stored_splits(only=split, labelled=False)
        log.warning(f"note: {error}; so the images have no classes")
    if WHOLE in images and needs_splits:
        raise _without_splits(source)
    if WHOLE not in images and not needs_splits:
        log.warning(f"note: {source} is divided into splits; only its images for {split} are used")
    return _present(images.get(WHOLE) or images[split])


def _without_splits(source: Path) -> NoSplits:
    return NoSplits(f"{source} has no splits to choose from; leave split (--split) out")


def _images_of_table(source: Path, classes: Classes, split: Split, needs_splits: bool) -> Images:
    """The images of a table; without a column `label` they have no classes."""
    from imprint.data.divided import numbers_of
    from imprint.data.image_table import ImageTable
    from imprint.data.images import Images

    needed = ("path", "label") if classes == "required" else ("path",)
    columns, rows = ImageTable(str(source)).checked(needed, labelled=classes != "ignored")
    if needs_splits and "split" not in columns:
        raise _without_splits(source)
    if "split" in columns:
        if not needs_splits:
            log.warning(
                f"note: {source} has a column 'split'; only its images for {split} are used"
            )
        rows = [row for row in rows if row["split"] == split]
    if not rows:
        raise UserError(
            f"{source} names no images" + (f" for {split}" if "split" in columns else "")
        )
    paths = [row["path"] for row in rows]
    if "label" not in columns or classes == "ignored":
        return _without_classes(paths, source.parent)
    labels, names = numbers_of(np.array([row["label"] for row in rows]))
    return Images(labels, paths, names, folder=source.parent)


def _present(images: Images) -> Images:
    """The images, with classes renumbered so that each has a sample."""
    present, labels = np.unique(images.labels, return_inverse=True)
    names = tuple(images.class_names[label] for label in present)
    return replace(images, labels=labels.astype(np.int64), class_names=names)


def require_source(source: Path) -> None:
    """Check that a source exists and is a file or a folder; a `UserError` if not."""
    if not source.exists():
        raise UserError(
            f"{source} does not exist; give images (a folder, a table, a dataset, a file) or embeddings (HDF5, NPZ)"
        )
    if not source.is_file() and not source.is_dir():
        raise UserError(f"{source} is a device or a pipe, neither a file nor a folder")


def holds_embeddings(source: Path) -> bool:
    """Whether an existing source is a file of embeddings, judging by its suffix."""
    require_source(source)
    return source.suffix.lower() in EMBEDDINGS_SUFFIXES
