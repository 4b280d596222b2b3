"""Inputs for fit and predict: a file of embeddings, or images in a folder, a table, a dataset or one file."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from imprint.errors import NoSplits, UserError, WrongSource
from imprint.estimator.embeddings_files import UNNAMED, read_file
from imprint.estimator.fm_choice import FMChoice
from imprint.formatting import class_name
from imprint.store.embeddings import Embeddings, read_embeddings
from imprint.store.heads import SUFFIX, Head

if TYPE_CHECKING:
    from imprint.data.divided import DividedSource
    from imprint.data.images import Images

log = logging.getLogger("imprint")

HDF5 = (".h5", ".hdf5")
FILES = (*HDF5, ".npz")
# choices of an FM that change embeddings
FM_PARTS = ("fm", "checkpoint", "weights", "input_size", "mean", "std", "interpolation", "pooling")
PARQUET = ".parquet"
IMAGES_A_THREAD = 8  # with fewer images per thread, threads wait more than they work
Classes = Literal["required", "optional", "ignored"]
Split = Literal["train", "test"]


def read_labelled(
    source: Path,
    fm: FMChoice,
    *,
    head: Head | None = None,
    group: str | None = None,
    split: Split = "train",
    check: Callable[[Sequence[str], np.ndarray], object] | None = None,
    beside: Sequence[Path] = (),
) -> Embeddings:
    """Read embeddings with classes from a file, or embed images.

    Parameters
    ----------
    source : Path
        HDF5 or NPZ with `embeddings` (N, D) and `labels` (N,), numbers or names; or labelled images, see `images_of`.
    fm : FMChoice
        The FM that embeds images; if it names none, that of the head is used.
    head : Head, optional
        The head that the embeddings are for.
    group : str, optional
        The group of an HDF5 file that holds the embeddings.
    split : {"train", "test"}, default="train"
        The images that are used if the source has splits.
    check : callable, optional
        Called with class names and labels (N,), 0..C-1, before images are embedded; raises a `UserError` if they are not usable.
    beside : sequence of Path
        Other sources of the same command. A note says if neither they nor this one use the choice of an FM or the group.

    Raises
    ------
    UserError
        If the source does not exist, has no usable embeddings, images or classes, or its embeddings do not fit the head.
    """
    known = () if head is None else [class_name(label) for label in head.description["classes"]]
    _note_unused([source, *beside], fm, group)
    if _is_file(source):
        embeddings = read_file(source, group, labelled=True)
        note_alike(embeddings.class_names, known)
    else:
        images = images_of(source, classes="required", split=split)
        note_alike(images.class_names, known)
        if check:
            _check(source, check, images.class_names, images.labels)
        embeddings = embedded(images, fm, head)
    if check:  # again for images: unreadable ones may be left out
        _check(source, check, embeddings.class_names, embeddings.y)
    if head is not None:
        _require_kind(source, embeddings, head)
    return embeddings


def _check(
    source: Path,
    check: Callable[[Sequence[str], np.ndarray], object],
    names: Sequence[str],
    y: np.ndarray,
) -> None:
    """Check classes; an error names the source."""
    try:
        check(names, y)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None


def check_classes(names: Sequence[str], y: np.ndarray) -> None:
    """Check that labels y (N,), 0..C-1, have at least two classes; a `UserError` if not."""
    if len(present := np.unique(y)) < 2:
        raise UserError(
            f"all samples are of one class, '{names[present[0]]}'; a head needs at least two"
        )


def note_alike(names: Sequence[str], known: Sequence[str] = ()) -> None:
    """Log a note on class names that differ only in case or blanks from another, or from one that a head knows."""
    first: dict[str, str] = {}
    for name in (*known, *names):
        other = first.setdefault("".join(name.split()).casefold(), name)
        if other != name and name not in known:
            log.warning(
                f"note: '{other}' and '{name}' are two classes, though their names are nearly the same"
            )


def read_unlabelled(
    sources: Sequence[Path],
    fm: FMChoice,
    head: Head,
    *,
    group: str | None = None,
    beside: Sequence[Path] = (),
) -> Embeddings:
    """Embeddings to predict with a head; all have one unnamed class.

    Parameters
    ----------
    sources : sequence of Path
        HDF5 or NPZ with `embeddings` (N, D), a folder of images at any depth, a table, a dataset, or an image; or several
        folders, tables and images.
    fm : FMChoice
        The FM that embeds images; if it names none, that of the head is used.
    head : Head
        The head that predicts.
    group : str, optional
        The group of an HDF5 file that holds the embeddings.
    beside : sequence of Path
        As in `read_labelled`.

    Raises
    ------
    UserError
        If the source does not exist or is not usable, or its embeddings do not fit the head.
    """
    source = sources[0]
    _note_unused([source, *beside], fm, group)
    if len(sources) > 1:
        embeddings = embedded(images_of_several(sources), fm, head)
    elif _is_file(source):
        embeddings = read_file(source, group, labelled=False)
    else:
        embeddings = embedded(images_of(source, classes="ignored", split="test"), fm, head)
    _require_kind(source, embeddings, head)
    return embeddings


def images_of_several(sources: Sequence[Path]) -> Images:
    """The images of several folders, tables and files, without classes; paths are ids. With splits, the test images.

    Raises
    ------
    UserError
        If a source is of another kind or does not exist.
    """
    from imprint.data.images import Images

    paths: list[str] = []
    for source in sources:
        images = None if _is_file(source) else images_of(source, classes="ignored", split="test")
        if images is None or images.folder is None:
            raise UserError(
                f"{source} can only be given alone; several sources must be folders, tables of paths or images"
            )
        paths += [(images.folder / name).as_posix() for name in images.ids]
    paths = list(dict.fromkeys(paths))
    return Images(np.zeros(len(paths), np.int64), paths, UNNAMED, folder=Path())


def _note_unused(sources: Sequence[Path], fm: FMChoice, group: str | None) -> None:
    """Log a note on choices that have no effect on any source; a `UserError` if the first source does not exist."""
    _require(sources[0])
    suffixes = {source.suffix.lower() for source in sources}
    if group is not None and not suffixes & set(HDF5):
        log.warning(f"note: {sources[0]} is no HDF5 file, so the group {group} is not used")
    named = [f"{name} {getattr(fm, name)}" for name in FM_PARTS if getattr(fm, name) is not None]
    if named and suffixes <= set(FILES):
        log.warning(
            f"note: {sources[0]} holds embeddings, so the FM is not used: {', '.join(named)}"
        )


def _require_kind(source: Path, embeddings: Embeddings, head: Head) -> None:
    """Check that embeddings have the FM and the size that the head needs; a `UserError` if not."""
    if "weights_sha256" in embeddings.provenance:
        head.require_fm(embeddings.provenance)
    elif "weights_sha256" in head.description["fm"]:
        log.warning(f"note: {source} does not say which FM made it; only the size is checked")
    size = head.embedding_size
    if embeddings.x.shape[1] != size:
        raise UserError(
            f"{source}: embeddings have {embeddings.x.shape[1]} values, the head takes {size}"
        )


def embed(images: Images, output: Path, fm: FMChoice, head: Head | None = None) -> None:
    """Write the embeddings of images to an HDF5 file; an interrupted run is resumed.

    Raises
    ------
    UserError
        If the FM cannot be loaded or is not that of `head`, or an image cannot be read.
    """
    recorded = head.description["fm"] if head else {}
    embedder, origin = fm.load(recorded)
    if head and "weights_sha256" in recorded:
        head.require_fm(embedder)
    from imprint.fm.extract import extract  # imports torch

    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    extract(
        embedder,
        images,
        output,
        device=fm.device,
        batch_size=fm.batch_size,
        threads=min(cores, 1 + len(images) // IMAGES_A_THREAD),
        on_error="skip" if fm.skip_unreadable else "fail",
        provenance=origin
        if images.folder is None
        else {**origin, "folder": str(images.folder.resolve())},
    )


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
        Whether classes are read, such as the folders in `source`. `optional`: if there are any; folders count as classes only if
        no image is beside them.
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
    from imprint.data.folders import loose_images, split_folders
    from imprint.data.image_table import is_table
    from imprint.data.images import Images

    _require(source)
    if source.is_file() and is_table(source):
        return _images_of_table(source, classes, split, needs_splits)
    if (dataset := _dataset(source)) is not None:
        return _images_of_dataset(source, dataset, classes, split, needs_splits)
    if source.suffix.lower() in FILES:
        raise UserError(
            f"{source} holds embeddings, not images; use it with fit, compare or predict"
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
        if classes == "required":
            raise UserError(
                f"{source} is one image; give a folder with a folder of images for each class, or a table with the columns "
                "path and label"
            )
        if classes == "ignored":  # the same id as beside other sources
            return Images(np.zeros(1, np.int64), [source.as_posix()], UNNAMED, folder=Path())
        return Images(np.zeros(1, np.int64), [source.name], UNNAMED, folder=source.parent)
    return _images_of_folder(source, classes)


def _images_of_folder(source: Path, classes: Classes) -> Images:
    """The images of a folder without splits."""
    from imprint.data.folders import LeftOut, loose_images, search, subfolders
    from imprint.data.image_formats import SUFFIXES
    from imprint.data.images import Images

    folders, loose = subfolders(source), loose_images(source)
    if classes == "required" or (classes == "optional" and folders and not loose):
        return _images_by_class(source, classes)
    if classes == "optional" and folders:
        log.warning(
            f"note: {source} has images beside its folders, such as {loose[0]}; so the folders are not used as classes"
        )
    left_out = LeftOut()
    ids = sorted(path.relative_to(source).as_posix() for path in search(source, (), left_out))
    if not ids:
        raise UserError(f"{source} has no images ({' '.join(SUFFIXES)})")
    left_out.note(source)
    return Images(np.zeros(len(ids), np.int64), ids, UNNAMED, folder=source)


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
        return Images(np.zeros(len(rows), np.int64), paths, UNNAMED, folder=source.parent)
    labels, names = numbers_of(np.array([row["label"] for row in rows]))
    return Images(labels, paths, names, folder=source.parent)


def _present(images: Images) -> Images:
    """The images, with classes renumbered so that each has a sample."""
    present, labels = np.unique(images.labels, return_inverse=True)
    names = tuple(images.class_names[label] for label in present)
    return replace(images, labels=labels.astype(np.int64), class_names=names)


def _require(source: Path) -> None:
    if not source.exists():
        raise UserError(
            f"{source} does not exist; give images (a folder, a table, a dataset, a file) or embeddings (HDF5, NPZ)"
        )
    if not source.is_file() and not source.is_dir():
        raise UserError(f"{source} is a device or a pipe, neither a file nor a folder")


def _is_file(source: Path) -> bool:
    """Whether an existing source is a file of embeddings, judging by its suffix."""
    _require(source)
    return source.suffix.lower() in FILES


def embedded(images: Images, fm: FMChoice, head: Head | None = None) -> Embeddings:
    """The embeddings of images, see `embed`."""
    with tempfile.TemporaryDirectory(prefix="imprint-") as folder:
        output = Path(folder) / "embeddings.h5"
        embed(images, output, fm, head)
        return read_embeddings(output)
