"""Published datasets in the layout that torchvision gives them on disk.

torchvision's own downloader fetches them: it knows the addresses, mirrors and checksums.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.image_files import FileSource, Row, divided
from imprint.data.imagenet import ImageNet
from imprint.data.images import Images
from imprint.data.registry import Source, describe_file, how_to_download, numbered, source
from imprint.data.retries import persistent, reason
from imprint.errors import UserError
from imprint.registry import suggestion

# suffixes of downloaded files; torchvision downloads one again only if its checksum is wrong
_ARCHIVES = (".bz2", ".gz", ".mat", ".tar", ".tgz", ".xz", ".zip")

Arguments = Mapping[str, Mapping[str, Any]]  # of the class of a dataset, by published split

_TEST_FRACTION, _SEED = 0.2, 0  # for datasets without a test split


@dataclass(frozen=True)
class Published:
    """Facts about a dataset of torchvision.datasets.

    Attributes
    ----------
    classes : int
        Number of classes.
    where : str
        Where its files are published.
    arguments : mapping
        Arguments of its class for each published split; if only one split is published, a fifth of every class
        becomes the split `test`.
    files : tuple of str
        Its files below the root, if its images are arrays in memory.
    folder : str
        Its folder below the root, if its images are files.
    digits : bool
        Whether its classes are the digits, whatever torchvision calls them.
    """

    classes: int
    where: str
    arguments: Arguments
    files: tuple[str, ...] = ()
    folder: str = ""
    digits: bool = False


_IDX = [
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]
_BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
_CIFAR10 = tuple(f"cifar-10-batches-py/{file}" for file in _BATCHES)
_CIFAR100 = tuple(f"cifar-100-python/{file}" for file in ("train", "test", "meta"))
_BINARIES = [f"{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"]
_STL10 = tuple(f"stl10_binary/{file}" for file in (*_BINARIES, "class_names.txt"))
_SVHN = ("train_32x32.mat", "test_32x32.mat")
_USPS = ("usps.bz2", "usps.t.bz2")
_BY_FLAG = {"train": {"train": True}, "test": {"train": False}}
_BY_NAME = {"train": {"split": "train"}, "test": {"split": "test"}}
_BY_VAL = {"train": {"split": "train"}, "test": {"split": "val"}}
_TRAINVAL = {"train": {"split": "trainval"}, "test": {"split": "test"}}
_UNDIVIDED: dict[str, dict[str, Any]] = {"train": {}}
_ETH = "https://data.vision.ee.ethz.ch/cvl/datasets_extra"
_LIBSVM = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets"
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"
_OPENAI = "https://openaipublic.azureedge.net/clip/data"


def _idx(name: str, where: str, digits: bool = False) -> Published:
    files = tuple(f"{name}/raw/{file}" for file in _IDX)
    return Published(10, where, _BY_FLAG, files, digits=digits)


def _folder(classes: int, folder: str, where: str, arguments: Arguments = _BY_NAME) -> Published:
    return Published(classes, where, arguments, folder=folder)


PUBLISHED = {
    "MNIST": _idx("MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist/", digits=True),
    "FashionMNIST": _idx("FashionMNIST", "https://github.com/zalandoresearch/fashion-mnist"),
    "KMNIST": _idx("KMNIST", "http://codh.rois.ac.jp/kmnist/"),
    "CIFAR10": Published(10, f"{_TORONTO}/cifar-10-python.tar.gz", _BY_FLAG, _CIFAR10),
    "CIFAR100": Published(100, f"{_TORONTO}/cifar-100-python.tar.gz", _BY_FLAG, _CIFAR100),
    "USPS": Published(10, f"{_LIBSVM}/multiclass.html", _BY_FLAG, _USPS),
    "SVHN": Published(10, "http://ufldl.stanford.edu/housenumbers/", _BY_NAME, _SVHN),
    "STL10": Published(10, "http://ai.stanford.edu/~acoates/stl10/", _BY_NAME, _STL10),
    "Country211": _folder(211, "country211", f"{_OPENAI}/country211.tgz"),
    "DTD": _folder(47, "dtd", f"{_OXFORD}/dtd/"),
    "EuroSAT": _folder(10, "eurosat", "https://github.com/phelber/eurosat", _UNDIVIDED),
    "FGVCAircraft": _folder(100, "fgvc-aircraft-2013b", f"{_OXFORD}/fgvc-aircraft/", _TRAINVAL),
    "Flowers102": _folder(102, "flowers-102", f"{_OXFORD}/flowers/102/"),
    "Food101": _folder(101, "food-101", f"{_ETH}/food-101/"),
    "GTSRB": _folder(43, "gtsrb", "https://benchmark.ini.rub.de/"),
    "Imagenette": _folder(10, "imagenette2", "https://github.com/fastai/imagenette", _BY_VAL),
    "OxfordIIITPet": _folder(37, "oxford-iiit-pet", f"{_OXFORD}/pets/", _TRAINVAL),
    "RenderedSST2": _folder(2, "rendered-sst2", f"{_OPENAI}/rendered-sst2.tgz"),
    "StanfordCars": _folder(196, "stanford_cars", "https://github.com/pytorch/vision/issues/7545"),
    "SUN397": _folder(397, "SUN397", "http://vision.princeton.edu/projects/2010/SUN/", _UNDIVIDED),
}


@dataclass(frozen=True)
class _Dataset(Source):
    """One published dataset under a root."""

    root: Path
    name: str
    facts: Published

    def class_count(self) -> int:
        return self.facts.classes

    def address(self) -> str:
        return self.facts.where

    def fetch(self, folder: Path) -> None:
        def attempt() -> None:
            _remove_unpacked(folder)
            for split in self.facts.arguments:
                self._load(folder, split, download=True)

        persistent(self.name, attempt)

    def unreachable(self, reason: str) -> str:
        return (
            f"dataset {self.name} could not be downloaded ({reason}); without a network, get these files elsewhere and "
            f"give their folder as `root` of the dataset:\n{self._needed('root')}"
        )

    def _load(self, root: Path, split: str, download: bool = False) -> Any:
        """The torchvision dataset of a published split."""
        from torchvision import datasets

        return getattr(datasets, self.name)(
            str(root), download=download, **self.facts.arguments[split]
        )

    def _read(self, split: str) -> Any:
        """As `_load`, from the root; a `UserError` if files are missing or damaged."""
        try:
            return self._load(self.root, split)
        except Exception as error:  # RuntimeError for missing files, anything for damaged ones
            packed = [f"{name}.gz" for name in self.facts.files if not (self.root / name).exists()]
            packed = [name for name in packed if (self.root / name).exists()]
            if packed:
                raise UserError(
                    f"dataset {self.name} cannot be read: unpack {', '.join(packed)} in {self.root}, such as by gunzip"
                ) from error
            raise UserError(
                f"dataset {self.name} cannot be read ({reason(error)}); {how_to_download(self.root)}, "
                f"or provide these files:\n{self._needed(self.root)}"
            ) from error

    def _needed(self, root: Path | str) -> str:
        """The files or the folder that `root` must contain, one per line, and their address."""
        names = self.facts.files or (f"{self.facts.folder}/",)
        files = "\n".join(f"  {root}/{name}" for name in names)
        return f"{files}\nfrom {self.facts.where}"

    def _class_names(self, dataset: Any) -> tuple[str, ...]:
        """Class names; for digits, and where torchvision has no names, the class numbers."""
        names = getattr(dataset, "classes", None)
        if names is None or self.facts.digits:
            return tuple(str(i) for i in range(self.facts.classes))
        return tuple(name if isinstance(name, str) else name[0] for name in names)


class _ArrayDataset(_Dataset):
    """A dataset whose images torchvision reads into memory."""

    def prepare(self, folder: Path) -> dict[str, Any]:
        datasets = {split: self._read(split) for split in self.splits}
        for split, dataset in datasets.items():
            self._check_labels(_labels(dataset), len(dataset.data), split)
        return {
            "class_names": list(self._class_names(datasets["train"])),
            "splits": {split: len(dataset) for split, dataset in datasets.items()},
            "files": {name: describe_file(self.root / name) for name in self.facts.files},
        }

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        dataset = self._read(split)
        array = np.asarray(dataset.data)
        labels = _labels(dataset)
        if array.ndim == 4 and array.shape[1] == 3:  # channels first
            array = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
        ids, names = numbered(split, len(labels)), tuple(manifest["class_names"])
        return Images(labels, ids, names, array)

    def files(self, folder: Path) -> list[Path]:
        return [self.root / name for name in self.facts.files]

    def _check_labels(self, labels: np.ndarray, images: int, split: str) -> None:
        """Check that each image has a label of a class; torchvision reads images and labels without comparing them."""
        problem = ""
        if len(labels) != images:
            problem = f"{images:,} images and {len(labels):,} labels"
        elif images and not 0 <= labels.min() <= labels.max() < self.facts.classes:
            problem = f"labels from {labels.min()} to {labels.max()}, and the classes are 0 to {self.facts.classes - 1}"
        if problem:
            raise UserError(
                f"dataset {self.name}: its split {split} has {problem}; some of these files belong to another split or "
                f"dataset:\n{self._needed(self.root)}"
            )


class _FileDataset(_Dataset, FileSource):
    """A dataset of image files."""

    def top(self) -> Path:
        return self.root

    def rows(self) -> tuple[list[Row], Sequence[str]]:
        datasets = {split: self._read(split) for split in self.facts.arguments}
        names = self._class_names(datasets["train"])
        rows: list[Row] = []
        for split, dataset in datasets.items():
            pairs = _paths_and_labels(dataset)
            paths = [Path(os.path.relpath(path, self.root)).as_posix() for path, _ in pairs]
            labels = [names[label] for _, label in pairs]
            if len(datasets) == 1:
                rows += divided(paths, labels, _TEST_FRACTION, _SEED)
            else:
                rows += [(path, label, split) for path, label in zip(paths, labels, strict=True)]
        return rows, names


def _labels(dataset: Any) -> np.ndarray:
    """The labels of a torchvision dataset in memory; the attribute that holds them differs between its classes."""
    labels = dataset.targets if hasattr(dataset, "targets") else dataset.labels
    return np.asarray(labels, np.int64)


def _paths_and_labels(dataset: Any) -> list[tuple[str, int]]:
    """The image files and labels of a torchvision dataset; the attribute that holds them differs between its classes."""
    for name in ("samples", "_samples"):
        if hasattr(dataset, name):
            return [(path, int(label)) for path, label in getattr(dataset, name)]
    files = dataset._image_files if hasattr(dataset, "_image_files") else dataset._images
    return [(path, int(label)) for path, label in zip(files, dataset._labels, strict=True)]


def _remove_unpacked(folder: Path) -> None:
    """Remove everything but the archives from the folder of an interrupted download.

    Unpacking may have been interrupted, and torchvision takes any folder that exists for a complete one.
    """
    for path in folder.rglob("*"):
        if not path.is_dir() and not _is_archive(path.relative_to(folder)):
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _is_archive(path: Path) -> bool:
    """Whether a file was downloaded as it is, judged by its depth; unpacked files are deeper, such as dtd/dtd/imdb/imdb.mat."""
    return path.suffix in _ARCHIVES and (len(path.parts) <= 2 or path.parent.name == "raw")


# constructor of each dataset, a function of the root
DATASETS: dict[str, Callable[[Path], Source]] = {
    **{
        name: partial(_FileDataset if facts.folder else _ArrayDataset, name=name, facts=facts)
        for name, facts in PUBLISHED.items()
    },
    "ImageNet": ImageNet,
}


@source("torchvision")
@dataclass(frozen=True)
class Torchvision(Source):
    """A torchvision dataset, read in place without copying.

    Attributes
    ----------
    name : str
        Its class in torchvision.datasets, such as MNIST, CIFAR10 or ImageNet.
    root : str
        The folder that contains it.
    """

    name: str
    root: str = "data"

    def __post_init__(self) -> None:
        if self.name not in DATASETS:
            raise UserError(
                f"dataset source 'torchvision' has no '{self.name}'; known: {', '.join(DATASETS)}"
                f"{suggestion(self.name, DATASETS)}; any other can be read as an imagefolder or a csv table"
            )

    def _dataset(self) -> Source:
        return DATASETS[self.name](Path(self.root).expanduser())

    def class_count(self) -> int | None:
        """The number of classes."""
        return self._dataset().class_count()

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Check that the dataset can be read; see `Source.prepare`."""
        return self._dataset().prepare(folder)

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split; see `Source.open`."""
        return self._dataset().open(folder, manifest, split)

    def files(self, folder: Path) -> list[Path]:
        """The files that are read; see `Source.files`."""
        return self._dataset().files(folder)

    def by_hand(self) -> str | None:
        """What to do for a dataset that requires a registration; None for the others."""
        return self._dataset().by_hand()

    def fetch(self, folder: Path) -> None:
        """Download with torchvision, again after a temporary failure; see `Source.fetch`."""
        self._dataset().fetch(folder)

    def address(self) -> str:
        """Where the dataset is published."""
        return self._dataset().address()

    def unreachable(self, reason: str) -> str:
        """What to get by hand; see `Source.unreachable`."""
        return self._dataset().unreachable(reason)
