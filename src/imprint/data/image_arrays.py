"""Datasets whose images are generated: arrays in `images.h5` of the prepared folder."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.images import Images
from imprint.data.registry import Source, describe_file, numbered
from imprint.store.files import new_hdf5, open_hdf5

IMAGES = "images.h5"


class ArraySource(Source):
    """A source that generates its images. A subclass defines `make` and `class_names`."""

    @abstractmethod
    def make(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """Generate the images: {split: (images uint8 (N, H, W) or (N, H, W, 3), labels (N,))}."""

    @abstractmethod
    def class_names(self) -> Sequence[str]:
        """Names of the classes, in the order of the labels."""

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Write the images; see `Source.prepare`."""
        names, arrays = list(self.class_names()), self.make()
        with new_hdf5(folder / IMAGES) as file:
            file.attrs["class_names"] = json.dumps(names, ensure_ascii=False)
            for split, (images, labels) in arrays.items():
                group = file.create_group(split)
                chunk = (min(256, max(1, len(images))), *images.shape[1:])
                group.create_dataset("images", data=images, chunks=chunk, fletcher32=True)
                group.create_dataset("labels", data=labels)
        return {
            "class_names": names,
            "splits": {split: len(labels) for split, (_, labels) in arrays.items()},
            "files": {IMAGES: describe_file(folder / IMAGES)},
        }

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split, in memory."""
        with open_hdf5(folder / IMAGES) as file:
            names = tuple(json.loads(file.attrs["class_names"]))
            images, labels = file[split]["images"][:], file[split]["labels"][:].astype(np.int64)
        return Images(labels, numbered(split, len(labels)), names, images)

    def files(self, folder: Path) -> list[Path]:
        """The file of images."""
        return [folder / IMAGES]
