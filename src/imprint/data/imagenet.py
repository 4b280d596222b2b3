"""ImageNet (ILSVRC 2012) as image-net.org distributes it: its archives, or folders of unpacked images.

The archives are not unpacked. `prepare` walks through them once and records the position of each image, so that
a study reads only the images of its classes.
"""

from __future__ import annotations

import io
import logging
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.images import Images
from imprint.data.registry import Source, describe_file
from imprint.data.stores import Archives, members
from imprint.errors import UserError
from imprint.store.files import new_hdf5, open_hdf5

log = logging.getLogger("imprint")

CLASS_COUNT = 1000
INDEX = "images.h5"

_FOLDERS = {"train": "train", "test": "val"}
_ARCHIVES = {"train": "ILSVRC2012_img_train.tar", "test": "ILSVRC2012_img_val.tar"}
_DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
_GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"  # inside the development kit

# label, path when unpacked, first byte in the archive (0 for unpacked images), number of bytes
Sample = tuple[int, str, int, int]


@dataclass(frozen=True)
class ImageNet(Source):
    """ImageNet; its validation images are the split `test`.

    Labels are the usual ones, the rank among all 1,000 synsets, even if some classes are missing.

    Attributes
    ----------
    root : path
        A folder with the folders train and val, each with a folder per class named by its synset
        (n01440764), or with the archives.
    """

    root: Path

    def class_count(self) -> int:
        """A thousand."""
        return CLASS_COUNT

    def by_hand(self) -> str:
        """The page to register at; see `Source.by_hand`."""
        return (
            "ImageNet cannot be downloaded; register at https://image-net.org/download-images, "
            "and give the folder of its archives as `root`"
        )

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Write the index of both splits; see `Source.prepare`."""
        synsets, names = _classes()
        label_of = {synset: label for label, synset in enumerate(synsets)}
        counts, inputs = {}, []
        with new_hdf5(folder / INDEX) as file:
            for split in self.splits:
                path = self._input(split)
                samples = sorted(self._samples(path, split, label_of))
                if not samples:
                    raise UserError(
                        f"{path} has no images of ImageNet (in folders such as n01440764)"
                    )
                labels, paths, firsts, sizes = zip(*samples, strict=True)
                group = file.create_group(split)
                group["labels"] = np.array(labels, np.int64)
                group.create_dataset(
                    "paths", data=[path.encode() for path in paths], compression="gzip"
                )
                group["bytes"] = np.array(sizes, np.int64)
                if path.is_file():
                    group["spans"] = np.stack([firsts, sizes], axis=1).astype(np.int64)
                counts[split] = len(samples)
                inputs.append(path)
        archives = {path.name: {"bytes": path.stat().st_size} for path in inputs if path.is_file()}
        return {
            "class_names": names,
            "splits": counts,
            "files": {INDEX: describe_file(folder / INDEX)} | archives,
        }

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split; each image is read when it is indexed."""
        with open_hdf5(folder / INDEX) as file:
            group = file[split]
            labels, paths = group["labels"][:], [path.decode() for path in group["paths"][:]]
            spans = group["spans"][:] if "spans" in group else None
        names = tuple(manifest["class_names"])
        if spans is None:
            return Images(labels, paths, names, folder=self.root)
        archive = self.root / _ARCHIVES[split]
        if not archive.exists() or archive.stat().st_size < spans.sum(axis=1).max():
            raise UserError(f"{archive} was removed or cut off after the dataset was prepared")
        in_archive = np.column_stack([np.zeros(len(spans), np.int64), spans])
        return Images(labels, paths, names, store=Archives((archive,), in_archive))

    def files(self, folder: Path) -> list[Path]:
        """The index, which holds the name and size of every image."""
        return [folder / INDEX]

    def _input(self, split: str) -> Path:
        """The folder or the archive that a split is read from."""
        for path in (self.root / _FOLDERS[split], self.root / _ARCHIVES[split]):
            if path.exists():
                return path
        raise UserError(
            f"dataset ImageNet is not in {self.root}; provide either\n"
            f"  {self.root}/train and {self.root}/val with a folder of images for every class (n01440764, ...), or\n"
            f"  {self.root}/{_ARCHIVES['train']}, {self.root}/{_ARCHIVES['test']} and {self.root}/{_DEVKIT}\n"
            "from https://image-net.org/download-images (which asks for a registration; no program may download them)"
        )

    def _samples(self, path: Path, split: str, label_of: Mapping[str, int]) -> Iterator[Sample]:
        if path.is_dir():
            return _unpacked(path, label_of)
        return _training(path, label_of) if split == "train" else _validation(path, label_of)


def _classes() -> tuple[list[str], list[str]]:
    """(synsets, names) of the 1,000 classes in the order of their labels."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    synsets = info.label_names()
    words = (info.label_name_to_description(synset).split(",")[0] for synset in synsets)
    return synsets, [f"{word} ({synset})" for word, synset in zip(words, synsets, strict=True)]


def _unpacked(folder: Path, label_of: Mapping[str, int]) -> Iterator[Sample]:
    for synset, label in label_of.items():
        if (folder / synset).is_dir():
            for entry in os.scandir(folder / synset):
                if entry.name.lower().endswith((".jpeg", ".jpg", ".png")):
                    yield label, f"{folder.name}/{synset}/{entry.name}", 0, entry.stat().st_size


def _training(path: Path, label_of: Mapping[str, int]) -> Iterator[Sample]:
    """The samples of the training archive, which holds one archive of images per class."""
    for number, inner in enumerate(members(path)):
        synset = Path(inner.name).stem
        if synset not in label_of:
            raise UserError(f"{path}: '{inner.name}' is not a class of ImageNet")
        if number % 100 == 0:
            log.info("%s: class %d", path.name, number + 1)
        for image in members(path, inner.offset_data, inner.offset_data + inner.size):
            yield label_of[synset], f"train/{synset}/{image.name}", image.offset_data, image.size


def _validation(path: Path, label_of: Mapping[str, int]) -> Iterator[Sample]:
    """The samples of the validation archive: images numbered from 1, whose classes are in the development kit."""
    synsets = _ground_truth(path.parent)
    for image in members(path):
        name = Path(image.name).name
        number = name.removesuffix(".JPEG").rpartition("_")[2]
        if not number.isdecimal() or not 1 <= int(number) <= len(synsets):
            raise UserError(f"{path}: '{image.name}' is not a validation image of ImageNet")
        synset = synsets[int(number) - 1]
        yield label_of[synset], f"val/{synset}/{name}", image.offset_data, image.size


def _ground_truth(root: Path) -> list[str]:
    """The synset of each validation image, in the order of their numbers."""
    from scipy.io import loadmat

    path = root / _DEVKIT
    if not path.exists():
        raise UserError(f"{path} is missing: it holds the classes of the validation images")
    try:
        with tarfile.open(path) as archive:
            content = {}
            for member in archive:
                name, file = Path(member.name).name, archive.extractfile(member)
                if name in ("meta.mat", _GROUND_TRUTH) and file is not None:
                    content[name] = file.read()
        meta = loadmat(io.BytesIO(content["meta.mat"]), squeeze_me=True)["synsets"]
        truth = content[_GROUND_TRUTH].split()
        synset = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in meta}
        return [synset[int(number)] for number in truth]
    except (tarfile.TarError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a development kit of ImageNet ({error!r})") from error
