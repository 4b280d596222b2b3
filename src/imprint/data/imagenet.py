"""ImageNet (ILSVRC 2012) as image-net.org gives it: read inside its archives, or in folders of unpacked images.

The archives are not unpacked. `prepare` walks through them once and writes down where each image lies, so that
a study reads the images of its classes and nothing else.
"""

import logging
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imprint import store
from imprint.data.images import Images
from imprint.data.registry import describe_file
from imprint.errors import UserError

log = logging.getLogger("imprint")

CLASSES = 1000
INDEX = "images.h5"

# what to do about it that no program may
PLACE = "register at https://image-net.org/download-images, and give the folder of its archives as `root`"

_FOLDERS = {"train": "train", "test": "val"}
_ARCHIVES = {"train": "ILSVRC2012_img_train.tar", "test": "ILSVRC2012_img_val.tar"}
_DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"

# label, path as it is when unpacked, first byte in the archive (0 where it is unpacked), number of bytes
Sample = tuple[int, str, int, int]


def prepare(root: Path, folder: Path) -> dict:
    """Write the index of both splits to `folder`; the validation images are the split `test`.

    root: has the folders train and val, each with a folder for every class named by its synset (n01440764), or
    the archives. Labels are the usual ones whichever classes are there: the rank among all 1,000 synsets.
    """

    synsets, names = _classes()
    place = {synset: label for label, synset in enumerate(synsets)}
    counts, read = {}, []
    with store.new_hdf5(folder / INDEX) as file:
        for split in _FOLDERS:
            source = _source(root, split)
            try:
                found = sorted(_unpacked(source, place) if source.is_dir() else _packed(root, split, place))
            except (tarfile.TarError, EOFError) as error:
                raise UserError(
                    f"{source} is damaged or not whole ({error}); it must be fetched again"
                ) from error
            if not found:
                raise UserError(f"{source} has no images of ImageNet (in folders such as n01440764)")
            labels, paths, firsts, sizes = zip(*found, strict=True)
            group = file.create_group(split)
            group["labels"] = np.array(labels, np.int64)
            group.create_dataset("paths", data=[path.encode() for path in paths], compression="gzip")
            group["bytes"] = np.array(sizes, np.int64)
            if source.is_file():
                group["spans"] = np.stack([firsts, sizes], axis=1).astype(np.int64)
            counts[split] = len(found)
            read.append(source)
    return {
        "class_names": names,
        "splits": counts,
        "files": {INDEX: describe_file(folder / INDEX)}
        | {path.name: {"bytes": path.stat().st_size} for path in read if path.is_file()},
    }


def open_split(root: Path, folder: Path, manifest: dict, split: str) -> Images:
    """The images of one split, each read when it is asked for."""
    with store.open_hdf5(folder / INDEX) as file:
        group = file[split]
        labels, paths = group["labels"][:], [path.decode() for path in group["paths"][:]]
        spans = group["spans"][:] if "spans" in group else None
    place = root if spans is None else root / _ARCHIVES[split]
    if spans is not None and (not place.exists() or place.stat().st_size < spans.sum(axis=1).max()):
        raise UserError(f"{place} is gone or cut off since the dataset was prepared")
    return Images(labels, paths, tuple(manifest["class_names"]), folder=place, spans=spans)


def _classes():
    """(synsets, names) of the 1,000 classes in the order of their labels."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    synsets = info.label_names()
    words = (info.label_name_to_description(synset).split(",")[0] for synset in synsets)
    return synsets, [f"{word} ({synset})" for word, synset in zip(words, synsets, strict=True)]


def _source(root, split):
    """The folder or the archive that a split is read from."""
    for path in (root / _FOLDERS[split], root / _ARCHIVES[split]):
        if path.exists():
            return path
    raise UserError(
        f"dataset ImageNet is not in {root}; put in place either\n"
        f"  {root}/train and {root}/val with a folder of images for every class (n01440764, ...), or\n"
        f"  {root}/{_ARCHIVES['train']}, {root}/{_ARCHIVES['test']} and {root}/{_DEVKIT}\n"
        "from https://image-net.org/download-images (they ask for a registration; no program may fetch them)"
    )


def _unpacked(source: Path, place: dict[str, int]) -> Iterator[Sample]:
    for synset, label in place.items():
        if (source / synset).is_dir():
            for entry in os.scandir(source / synset):
                if entry.name.lower().endswith((".jpeg", ".jpg", ".png")):
                    yield label, f"{source.name}/{synset}/{entry.name}", 0, entry.stat().st_size


def _packed(root, split, place):
    path = root / _ARCHIVES[split]
    return _training(path, place) if split == "train" else _validation(path, place)


def _training(path: Path, place: dict[str, int]) -> Iterator[Sample]:
    """The archive holds an archive of images for each class."""
    with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as outer:
        for number, inner in enumerate(outer):
            synset = Path(inner.name).stem
            if synset not in place:
                raise UserError(f"{path}: '{inner.name}' is no class of ImageNet")
            if number % 100 == 0:
                log.info("%s: class %d", path.name, number + 1)
            for image in _members(path, inner.offset_data, inner.offset_data + inner.size):
                yield place[synset], f"train/{synset}/{image.name}", image.offset_data, image.size


def _validation(path: Path, place: dict[str, int]) -> Iterator[Sample]:
    """The archive holds images numbered from 1; the development kit tells the class of each."""
    synsets = _ground_truth(path.parent)
    for image in _members(path, 0, path.stat().st_size):
        number = int(image.name.removesuffix(".JPEG").rpartition("_")[2])
        synset = synsets[number - 1]
        yield place[synset], f"val/{synset}/{Path(image.name).name}", image.offset_data, image.size


def _members(path, first, end):
    """The files of an uncompressed archive that begins at a byte of a file."""
    with open(path, "rb") as file:
        file.seek(first)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if member.offset_data + member.size > end:
                    raise EOFError(f"'{member.name}' goes beyond the end of the archive")
                if member.isfile():
                    yield member
                archive.members = []  # tarfile keeps all it saw


def _ground_truth(root: Path) -> list[str]:
    """The synset of each validation image, in the order of their numbers."""
    from scipy.io import loadmat

    path = root / _DEVKIT
    if not path.exists():
        raise UserError(f"{path} is missing: it tells the classes of the validation images")
    try:
        with tarfile.open(path) as archive:
            wanted = {Path(member.name).name: member for member in archive if member.isfile()}
            meta = loadmat(archive.extractfile(wanted["meta.mat"]), squeeze_me=True)["synsets"]
            truth = archive.extractfile(wanted["ILSVRC2012_validation_ground_truth.txt"]).read().split()
        synset = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in meta}
        return [synset[int(number)] for number in truth]
    except (tarfile.TarError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is no development kit of ImageNet ({error!r})") from error
