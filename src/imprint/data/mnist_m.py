"""MNIST-M: MNIST digits blended with photographs.

References
----------
Ganin et al., "Domain-adversarial training of neural networks", 2016.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.images import Images
from imprint.data.registry import Source, describe_file, how_to_download, numbered, source
from imprint.errors import UserError

_BASE = "https://github.com/liyxi/mnist-m/releases/download/data"
# address and MD5 of each split's archive
ARCHIVES = {
    "train": (f"{_BASE}/mnist_m_train.pt.tar.gz", "191ed53db9933bd85cc9700558847391"),
    "test": (f"{_BASE}/mnist_m_test.pt.tar.gz", "e11cb4d7fff76d7ec588b1134907db59"),
}

_RETRIES = 2
_FOLDER = "MNIST-M"


@source("mnist_m")
@dataclass(frozen=True)
class MnistM(Source):
    """MNIST-M, under `root`/MNIST-M in one of two layouts.

    Tensors: mnist_m_train.pt and mnist_m_test.pt, as downloaded. Or image files: the folders mnist_m_train and
    mnist_m_test, and beside them mnist_m_train_labels.txt and mnist_m_test_labels.txt with lines `name label`.

    Attributes
    ----------
    root : str
        The folder that holds MNIST-M.
    """

    root: str = "data"

    def class_count(self) -> int:
        """Ten."""
        return 10

    def address(self) -> str:
        """The address of the training images."""
        return ARCHIVES["train"][0]

    def fetch(self, folder: Path) -> None:
        """Download the tensors; archives that an earlier attempt finished are kept. See `Source.fetch`."""
        import pooch

        names = {split: url.rpartition("/")[2] for split, (url, _) in ARCHIVES.items()}
        top = folder / _FOLDER
        top.mkdir(parents=True, exist_ok=True)
        for path in top.iterdir():  # an interrupted attempt may have unpacked half a file
            if path.name not in names.values():
                path.unlink()
        files = pooch.create(
            path=top,
            base_url="",
            registry={names[split]: f"md5:{md5}" for split, (_, md5) in ARCHIVES.items()},
            urls={names[split]: url for split, (url, _) in ARCHIVES.items()},
            retry_if_failed=_RETRIES,
        )
        for split, name in names.items():
            unpack = pooch.Untar(members=[f"mnist_m_{split}.pt"], extract_dir=".")
            files.fetch(name, processor=unpack, progressbar=sys.stderr.isatty())
        for name in names.values():
            (top / name).unlink()

    def unreachable(self, reason: str) -> str:
        """What to get by hand; see `Source.unreachable`."""
        return (
            f"dataset MNIST-M could not be downloaded ({reason}); without a network, get "
            f"{' and '.join(url for url, _ in ARCHIVES.values())} elsewhere, unpack them in a folder {_FOLDER}, and give "
            "its parent folder as `root` of the dataset"
        )

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Check that both splits can be read; see `Source.prepare`."""
        images = {split: self.open(folder, {}, split) for split in self.splits}
        paths = [self._path(split) for split in self.splits]
        return {
            "class_names": list(images["train"].class_names),
            "splits": {split: len(of_split) for split, of_split in images.items()},
            "files": {path.name: describe_file(path) for path in paths},
        }

    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split; tensors are read into memory."""
        path = self._path(split)
        names = tuple("0123456789")
        advice = how_to_download(Path(self.root))
        if not path.exists():
            top = self._top()
            raise UserError(
                f"dataset MNIST-M is missing; {advice}, or provide either\n"
                f"  {top}/mnist_m_train.pt and {top}/mnist_m_test.pt, or\n"
                f"  {top}/mnist_m_train/*.png, {top}/mnist_m_train_labels.txt and the same for mnist_m_test\n"
                f"from {' and '.join(url for url, _ in ARCHIVES.values())}"
            )
        try:
            if path.suffix == ".txt":
                lines = _lines(path)
                labels = np.array([int(label) for _, label in lines], np.int64)
                ids = [f"mnist_m_{split}/{name}" for name, _ in lines]
                return Images(labels, ids, names, folder=self._top())
            import torch

            array, labels = torch.load(path, weights_only=True)
            array, labels = np.ascontiguousarray(array), np.asarray(labels, np.int64)
        except Exception as error:  # torch.load raises UnpicklingError, RuntimeError, EOFError, ...
            raise UserError(f"{path} cannot be read as MNIST-M ({error}); {advice}") from error
        is_rgb = array.dtype == np.uint8 and array.ndim == 4 and array.shape[3] == 3
        if not is_rgb or len(array) != len(labels):
            raise UserError(
                f"{path}: {array.dtype} images of shape {array.shape} are not uint8 (N, H, W, 3)"
            )
        return Images(labels, numbered(split, len(labels)), names, array)

    def files(self, folder: Path) -> list[Path]:
        """The tensors, or the label files and the images that they name."""
        paths = []
        for split in self.splits:
            path = self._path(split)
            paths.append(path)
            if path.suffix == ".txt":
                paths += [self._top() / f"mnist_m_{split}" / name for name, _ in _lines(path)]
        return paths

    def _top(self) -> Path:
        return Path(self.root) / _FOLDER

    def _path(self, split: str) -> Path:
        """The file of a split: its labels if there are labels and no tensors, else its tensors."""
        tensors, labels = (self._top() / f"mnist_m_{split}{end}" for end in (".pt", "_labels.txt"))
        return labels if labels.exists() and not tensors.exists() else tensors


def _lines(path: Path) -> list[list[str]]:
    """The [name, label] of each line of a label file."""
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
