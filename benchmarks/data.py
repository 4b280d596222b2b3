"""Data of the size for which the bars are defined: 60,000 training and 10,000 test embeddings, 512 wide, 10 classes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.store.embeddings import write_rows
from imprint.store.files import new_hdf5, provenance_json

SEED = 17121997
# a task on these data, in the form of `imprint.study.specs`
TASK = {
    "task": "all",
    "family": "all",
    "d": None,
    "datasets": ["data"],
    "draws": [None],
    "shots": "full",
}


@dataclass(frozen=True)
class Data:
    """Training and test embeddings (float32) with their labels."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int


def synthetic(
    train: int = 60_000, test: int = 10_000, d: int = 512, classes: int = 10, seed: int = 0
) -> Data:
    """Embeddings like those of a ReLU network: non-negative, with five elongated clusters per class.

    Clusters overlap along a few directions of large variance, so that k-means takes as many rounds as on embeddings of MNIST by
    a ResNet: 12 to 21. Spherical clusters are found in three.
    """
    rng = np.random.default_rng(seed)
    centres = np.maximum(
        rng.normal(size=(classes, 1, d)) + 0.7 * rng.normal(size=(classes, 5, d)), 0
    )
    deviations = 0.5 / np.sqrt(np.arange(1, 21))
    directions = (deviations[:, None] * rng.normal(size=(classes, 20, d))).astype(np.float32)

    def split(n: int) -> tuple[np.ndarray, np.ndarray]:
        y, cluster = rng.integers(0, classes, n), rng.integers(0, 5, n)
        x = centres[y, cluster].astype(np.float32)
        along = rng.normal(size=(n, 20)).astype(np.float32)
        for label in range(classes):
            x[y == label] += along[y == label] @ directions[label]
        x += rng.normal(scale=0.5, size=(n, d)).astype(np.float32)
        return np.maximum(x, 0, out=x), y

    return Data(*split(train), *split(test), classes)


def write(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Write an embeddings file as the embedding rule writes it."""
    write_blocks(path, x.shape[1], y, [x])


def write_blocks(path: Path, width: int, y: np.ndarray, blocks: Iterable[np.ndarray]) -> None:
    """Write an embeddings file of this width as the embedding rule writes it, block by block."""
    import h5py

    with new_hdf5(path) as file:
        write_rows(file, (len(y), width), np.float32, blocks)
        file.create_dataset("labels", data=y, fletcher32=True)
        file.create_dataset("ids", data=[str(i) for i in range(len(y))], dtype=h5py.string_dtype())
        file.attrs["class_names"] = json.dumps([str(i) for i in range(int(y.max()) + 1)])
        file.attrs["provenance"] = provenance_json()
