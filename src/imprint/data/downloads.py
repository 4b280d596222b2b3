"""Published datasets in the layout their publishers or torchvision give them on disk."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data import imagenet
from imprint.data.fetch import reason
from imprint.data.files import Files
from imprint.data.images import Images
from imprint.data.registry import DOWNLOADS, describe_file, numbered, source
from imprint.errors import UserError


@dataclass(frozen=True)
class Published:
    """A dataset of torchvision.datasets. train, test: what its class is told for either split.

    One whose images are arrays is held in memory; `files` are under the root. One of image files has a `folder`
    under the root, and without a published test part (test is None) a fifth of every class becomes it.
    """

    classes: int
    where: str
    train: dict[str, Any] = field(default_factory=lambda: {"train": True})
    test: dict[str, Any] | None = field(default_factory=lambda: {"train": False})
    files: tuple[str, ...] = ()
    folder: str | None = None


_IDX = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
_BY_NAME = {"train": {"split": "train"}, "test": {"split": "test"}}
_TRAINVAL = {"train": {"split": "trainval"}, "test": {"split": "test"}}
_UNDIVIDED = {"train": {}, "test": None}


def _idx(name, where):
    return Published(10, where, files=tuple(f"{name}/raw/{file}" for file in _IDX))


def _folder(classes, folder, where, parts):
    return Published(classes, where, **parts, folder=folder)


TORCHVISION = {
    "MNIST": _idx("MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    "FashionMNIST": _idx("FashionMNIST", "https://github.com/zalandoresearch/fashion-mnist"),
    "KMNIST": _idx("KMNIST", "http://codh.rois.ac.jp/kmnist/"),
    "CIFAR10": Published(
        10,
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        files=tuple(
            f"cifar-10-batches-py/{file}"
            for file in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
        ),
    ),
    "CIFAR100": Published(
        100,
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        files=tuple(f"cifar-100-python/{file}" for file in ("train", "test", "meta")),
    ),
    "USPS": Published(
        10,
        "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html",
        files=("usps.bz2", "usps.t.bz2"),
    ),
    "SVHN": Published(
        10, "http://ufldl.stanford.edu/housenumbers/", **_BY_NAME, files=("train_32x32.mat", "test_32x32.mat")
    ),
    "STL10": Published(
        10,
        "http://ai.stanford.edu/~acoates/stl10/",
        **_BY_NAME,
        files=tuple(
            f"stl10_binary/{file}"
            for file in ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt")
        ),
    ),
    "Country211": _folder(
        211, "country211", "https://openaipublic.azureedge.net/clip/data/country211.tgz", _BY_NAME
    ),
    "DTD": _folder(47, "dtd", "https://www.robots.ox.ac.uk/~vgg/data/dtd/", _BY_NAME),
    "EuroSAT": _folder(10, "eurosat", "https://github.com/phelber/eurosat", _UNDIVIDED),
    "FGVCAircraft": _folder(
        100, "fgvc-aircraft-2013b", "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/", _TRAINVAL
    ),
    "Flowers102": _folder(102, "flowers-102", "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/", _BY_NAME),
    "Food101": _folder(
        101, "food-101", "https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/", _BY_NAME
    ),
    "GTSRB": _folder(43, "gtsrb", "https://benchmark.ini.rub.de/", _BY_NAME),
    "Imagenette": _folder(
        10,
        "imagenette2",
        "https://github.com/fastai/imagenette",
        {"train": {"split": "train"}, "test": {"split": "val"}},
    ),
    "OxfordIIITPet": _folder(37, "oxford-iiit-pet", "https://www.robots.ox.ac.uk/~vgg/data/pets/", _TRAINVAL),
    "RenderedSST2": _folder(
        2, "rendered-sst2", "https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz", _BY_NAME
    ),
    "StanfordCars": _folder(196, "stanford_cars", "https://github.com/pytorch/vision/issues/7545", _BY_NAME),
    "SUN397": _folder(397, "SUN397", "http://vision.princeton.edu/projects/2010/SUN/", _UNDIVIDED),
}

# name -> number of classes
CLASSES = {name: entry.classes for name, entry in TORCHVISION.items()} | {"ImageNet": imagenet.CLASSES}

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
class Torchvision(Files):
    """A dataset of torchvision, read where it lies under `root`; nothing is copied. `fetch` brings it there."""

    name: str
    root: str = "data"

    test_fraction = 0.2  # of a dataset of image files without a test part of its own
    seed = 0

    def __post_init__(self):
        if self.name not in CLASSES:
            known = ", ".join(CLASSES)
            raise UserError(
                f"dataset source 'torchvision' has no '{self.name}'; known: {known}; "
                "any other can be read as an imagefolder or a csv table"
            )

    def class_count(self):
        return CLASSES[self.name]

    def fetch(self):
        if self.name == "ImageNet":
            raise UserError(f"ImageNet cannot be downloaded; {imagenet.PLACE}")
        for split in self._published():
            self._torchvision(split, download=True)

    def unreachable(self, reason):
        return (
            f"dataset {self.name} could not be downloaded ({reason}); without a network, get what follows elsewhere and "
            f"give its folder as `root` of the dataset:\n{self._needed('root')}"
        )

    def prepare(self, folder):
        if self.name == "ImageNet":
            return imagenet.prepare(self._root(), folder)
        entry, data = TORCHVISION[self.name], {}
        for split in self._published():
            try:
                data[split] = self._torchvision(split, download=False)
            except Exception as error:  # besides RuntimeError for missing files, anything for damaged ones
                raise self._unusable(error, _remedy(self._root())) from error
        if entry.folder:
            return self._write_files(folder, data)
        return {
            "class_names": list(_class_names(data["train"], entry)),
            "splits": {split: len(labelled) for split, labelled in data.items()},
            "files": {name: describe_file(self._root() / name) for name in entry.files},
        }

    def open(self, folder, manifest, split):
        if self.name == "ImageNet":
            return imagenet.open_split(self._root(), folder, manifest, split)
        if TORCHVISION[self.name].folder:
            return super().open(folder, manifest, split)
        try:
            data = self._torchvision(split, download=False)
        except Exception as error:
            raise self._unusable(error, _remedy(self._root())) from error
        array, labels = _arrays(data)
        return Images(labels, numbered(split, len(labels)), tuple(manifest["class_names"]), array)

    def files(self, folder):
        if self.name == "ImageNet":
            return [folder / imagenet.INDEX]
        entry = TORCHVISION[self.name]
        return super().files(folder) if entry.folder else [self._root() / name for name in entry.files]

    def _root(self):
        return Path(self.root).expanduser()

    def _torchvision(self, split, download):
        from torchvision import datasets

        return getattr(datasets, self.name)(
            self.root, download=download, **getattr(TORCHVISION[self.name], split)
        )

    def _published(self):
        """The splits that torchvision has."""
        return [split for split in self.splits if getattr(TORCHVISION[self.name], split) is not None]

    def _write_files(self, folder, data):
        names = _class_names(data["train"], TORCHVISION[self.name])
        rows = []
        for split, labelled in data.items():
            pairs = _pairs(labelled)
            paths = [Path(os.path.relpath(path, self._root())).as_posix() for path, _ in pairs]
            labels = [names[label] for _, label in pairs]
            if len(data) == 1:
                rows += self._divided(paths, labels)
            else:
                rows += [(path, label, split) for path, label in zip(paths, labels, strict=True)]
        return self._write(folder, rows, names)

    def _unusable(self, error, remedy):
        return UserError(
            f"dataset {self.name} cannot be read ({reason(error)}); {remedy}, or put in place what follows:\n"
            f"{self._needed(self._root())}"
        )

    def _needed(self, root):
        """What has to lie under `root`, a line each, and where it is from."""
        entry = TORCHVISION[self.name]
        files = "\n".join(f"  {root}/{name}" for name in entry.files or (f"{entry.folder}/",))
        return f"{files}\nfrom {entry.where}"


def _remedy(root):
    if root.parent.name == DOWNLOADS:
        return f"delete {root} to download it again"
    return "leave out `root` to download it"


def _arrays(data):
    """(uint8 images (N, H, W) or (N, H, W, 3), labels (N,)) of a dataset of torchvision that holds arrays."""
    array = np.asarray(data.data)
    labels = np.asarray(data.targets if hasattr(data, "targets") else data.labels, np.int64)
    if array.ndim == 4 and array.shape[1] == 3:
        array = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    return array, labels


def _pairs(data):
    """[(path, label)] of a dataset of torchvision that reads files; its classes have no common name for it."""
    for name in ("samples", "_samples"):
        if hasattr(data, name):
            return [(path, int(label)) for path, label in getattr(data, name)]
    files = data._image_files if hasattr(data, "_image_files") else data._images
    return [(path, int(label)) for path, label in zip(files, data._labels, strict=True)]


def _class_names(data, entry):
    """Names of the classes, their numbers where torchvision knows none or they are digits."""
    names = getattr(data, "classes", None)
    numbers = tuple(str(i) for i in range(entry.classes))
    if names is None or type(data).__name__ == "MNIST":
        return numbers
    return tuple(name if isinstance(name, str) else name[0] for name in names)


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

    def fetch(self):
        from torchvision.datasets.utils import download_and_extract_archive

        for url, md5 in MNIST_M.values():
            download_and_extract_archive(url, str(self._top()), md5=md5)
        for archive in self._top().glob("*.tar.gz"):
            archive.unlink()

    def unreachable(self, reason):
        return (
            f"dataset MNIST-M could not be downloaded ({reason}); without a network, get "
            f"{' and '.join(url for url, _ in MNIST_M.values())} elsewhere, unpack them in a folder MNIST-M, and give what "
            "holds that folder as `root` of the dataset"
        )

    def prepare(self, folder):
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
                f"dataset MNIST-M is not there; {_remedy(Path(self.root))}, or put in place either\n"
                f"  {top}/mnist_m_train.pt and {top}/mnist_m_test.pt, or\n"
                f"  {top}/mnist_m_train/*.png, {top}/mnist_m_train_labels.txt and the same of mnist_m_test\n"
                f"from {MNIST_M['train'][0]} and {MNIST_M['test'][0]}"
            )
        names = tuple(str(i) for i in range(10))
        try:
            if path.suffix == ".txt":
                lines = self._lines(path)
                labels = np.array([int(label) for _, label in lines], np.int64)
                return Images(
                    labels, [f"mnist_m_{split}/{name}" for name, _ in lines], names, folder=self._top()
                )
            import torch

            array, labels = torch.load(path, weights_only=True)
            array, labels = np.ascontiguousarray(array), np.asarray(labels, np.int64)
        except Exception as error:  # torch.load raises UnpicklingError, RuntimeError, EOFError, ...
            raise UserError(
                f"{path} is not a file of MNIST-M ({error}); {_remedy(Path(self.root))}"
            ) from error
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3 or len(array) != len(labels):
            raise UserError(f"{path}: {array.dtype} images of shape {array.shape} are not uint8 (N, H, W, 3)")
        return Images(labels, numbered(split, len(labels)), names, array)

    def files(self, folder):
        found = []
        for split, path in ((split, self._found(split)) for split in self.splits):
            found.append(path or self._top() / f"mnist_m_{split}.pt")
            if path and path.suffix == ".txt":
                found += [self._top() / f"mnist_m_{split}" / name for name, _ in self._lines(path)]
        return found

    def _lines(self, path):
        """[(name, label)] of a list of labels."""
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

    def _top(self):
        return Path(self.root) / "MNIST-M"

    def _found(self, split):
        """The file of a split: its tensors, or its list of labels; None if there is neither."""
        choices = (self._top() / f"mnist_m_{split}{ending}" for ending in (".pt", "_labels.txt"))
        return next((path for path in choices if path.exists()), None)
