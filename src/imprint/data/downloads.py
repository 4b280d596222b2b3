"""Published datasets in the layout their publishers or torchvision give them on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.data.images import Images
from imprint.data.registry import describe_file, numbered, source
from imprint.errors import UserError

_IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CIFAR10 = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")

# name -> (number of classes, files under the root)
TORCHVISION = {
    "MNIST": (10, [f"MNIST/raw/{name}" for name in _IDX]),
    "FashionMNIST": (10, [f"FashionMNIST/raw/{name}" for name in _IDX]),
    "CIFAR10": (10, [f"cifar-10-batches-py/{name}" for name in _CIFAR10]),
    "CIFAR100": (100, [f"cifar-100-python/{name}" for name in ("train", "test", "meta")]),
    "USPS": (10, ["usps.bz2", "usps.t.bz2"]),
    "SVHN": (10, ["train_32x32.mat", "test_32x32.mat"]),
}

# MNIST-M: split -> (address, MD5 of the archive)
MNIST_M = {
    "train": (
        "https://github.com/liyxi/mnist-m/releases/download/data/mnist_m_train.pt.tar.gz",
        "191ed53db9933bd85cc9700558847391",
    ),
    "test": (
        "https://github.com/liyxi/mnist-m/releases/download/data/mnist_m_test.pt.tar.gz",
        "e11cb4d7fff76d7ec588b1134907db59",
    ),
}


@source("torchvision")
@dataclass(frozen=True)
class Torchvision:
    """A dataset of torchvision, read where it lies under `root`; nothing is copied."""

    name: str
    root: str = "data"

    splits = ("train", "test")

    def __post_init__(self):
        if self.name not in TORCHVISION:
            known = ", ".join(TORCHVISION)
            raise UserError(f"dataset source 'torchvision' has no '{self.name}'; known: {known}")

    def class_count(self):
        return TORCHVISION[self.name][0]

    def prepare(self, folder, download):
        parts = {}
        for split in self.splits:
            try:
                parts[split] = self._read(split, download=False)
            except Exception as error:  # besides RuntimeError for missing files, anything for damaged ones
                if not download:
                    raise self._unusable(error, "or allow the download") from error
                try:
                    parts[split] = self._read(split, download=True)
                except Exception as failure:
                    raise self._unusable(failure, "the download failed, too") from failure
        return {
            "class_names": list(parts["train"].class_names),
            "splits": {split: len(images) for split, images in parts.items()},
            "files": {name: describe_file(Path(self.root) / name) for name in TORCHVISION[self.name][1]},
        }

    def open(self, folder, manifest, split):
        try:
            return self._read(split, download=False)
        except Exception as error:
            raise self._unusable(error, "they were there when the dataset was prepared") from error

    def _read(self, split, download):
        from torchvision import datasets

        chosen = getattr(datasets, self.name)
        which = {"split": split} if self.name == "SVHN" else {"train": split == "train"}
        data = chosen(self.root, download=download, **which)
        array = np.asarray(data.data)
        labels = np.asarray(data.labels if self.name == "SVHN" else data.targets, np.int64)
        if self.name == "SVHN":
            array = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
        digits = self.name in ("MNIST", "USPS", "SVHN")
        names = tuple(str(i) for i in range(10)) if digits else tuple(data.classes)
        return Images(labels, numbered(split, len(labels)), names, array)

    def _unusable(self, error, remedy):
        files = "\n  ".join(str(Path(self.root) / name) for name in TORCHVISION[self.name][1])
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return UserError(
            f"dataset {self.name} cannot be read ({reason}); put these files in place, {remedy}:\n  {files}"
        )


@source("mnist_m")
@dataclass(frozen=True)
class MnistM:
    """MNIST digits blended with photographs (Ganin et al. 2016), under `root`/MNIST-M in one of two layouts.

    Tensors: mnist_m_train.pt and mnist_m_test.pt (what the download gives). Or files: the folders
    mnist_m_train and mnist_m_test, and beside them mnist_m_train_labels.txt and mnist_m_test_labels.txt with
    lines `name label`.
    """

    root: str = "data"

    splits = ("train", "test")

    def class_count(self):
        return 10

    def prepare(self, folder, download):
        if download and not all(self._found(split) for split in self.splits):
            self._download()
        parts = {split: self.open(folder, None, split) for split in self.splits}
        return {
            "class_names": list(parts["train"].class_names),
            "splits": {split: len(images) for split, images in parts.items()},
            "files": {path.name: describe_file(path) for path in map(self._found, self.splits)},
        }

    def open(self, folder, manifest, split):
        path = self._found(split)
        if path is None:
            top = self._top()
            raise UserError(
                f"dataset MNIST-M is not there; allow its download, or put in place either\n"
                f"  {top}/mnist_m_train.pt and {top}/mnist_m_test.pt, or\n"
                f"  {top}/mnist_m_train/*.png, {top}/mnist_m_train_labels.txt and the same of mnist_m_test"
            )
        names = tuple(str(i) for i in range(10))
        try:
            if path.suffix == ".txt":
                lines = [
                    line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
                ]
                labels = np.array([int(label) for _, label in lines], np.int64)
                return Images(
                    labels, [f"mnist_m_{split}/{name}" for name, _ in lines], names, folder=self._top()
                )
            import torch

            array, labels = torch.load(path, weights_only=True)
            array, labels = np.ascontiguousarray(array), np.asarray(labels, np.int64)
        except Exception as error:  # torch.load raises UnpicklingError, RuntimeError, EOFError, ...
            raise UserError(f"{path} is not a file of MNIST-M ({error})") from error
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3 or len(array) != len(labels):
            raise UserError(f"{path}: {array.dtype} images of shape {array.shape} are not uint8 (N, H, W, 3)")
        return Images(labels, numbered(split, len(labels)), names, array)

    def _top(self):
        return Path(self.root) / "MNIST-M"

    def _found(self, split):
        """The file of a split: its tensors, or its list of labels; None if there is neither."""
        choices = (self._top() / f"mnist_m_{split}{ending}" for ending in (".pt", "_labels.txt"))
        return next((path for path in choices if path.exists()), None)

    def _download(self):
        from torchvision.datasets.utils import download_and_extract_archive

        for url, md5 in MNIST_M.values():
            try:
                download_and_extract_archive(url, str(self._top()), md5=md5, remove_finished=True)
            except (OSError, RuntimeError) as error:
                raise UserError(
                    f"MNIST-M could not be downloaded ({error}); get {url} and unpack it in {self._top()}"
                ) from error
