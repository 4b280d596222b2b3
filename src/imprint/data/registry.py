"""The registry of dataset sources.

A new dataset is one class in one module of this folder: a subclass of `Source`, registered with
`source` and imported in `imprint.data.sources`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.registry import Registry
from imprint.store.paths import DOWNLOADS
from imprint.store.records import sha256_of

SPLITS = ("train", "test")  # of every dataset that is embedded


class Source(ABC):
    """A kind of dataset: a frozen dataclass whose fields are the options of a dataset.

    `prepare` describes the dataset once, in a folder; `open` then reads one split.

    Attributes
    ----------
    splits : tuple of str
        Names of the splits. FMs can be pre-trained on a source that has a split `pretrain`.
    """

    splits: ClassVar[tuple[str, ...]] = SPLITS

    def class_names(self) -> Sequence[str] | None:
        """Names of the classes in the order of the labels; None if they are not known before the data is read. Reads no images.

        Raises
        ------
        UserError
            If the dataset cannot be read.
        """
        return None

    def class_count(self) -> int | None:
        """The number of classes; None if it is not known before the data is read, or cannot be read. Reads no images."""
        try:
            names = self.class_names()
        except UserError:
            return None
        return None if names is None else len(names)

    @abstractmethod
    def prepare(self, folder: Path) -> dict[str, Any]:
        """Generate or check the dataset.

        Returns
        -------
        dict
            The manifest entries `class_names`, `splits` {name: number of samples} and `files`
            {name: {bytes, sha256}}.
        """

    @abstractmethod
    def open(self, folder: Path, manifest: dict[str, Any], split: str) -> Images:
        """One split; `folder` and `manifest` are those of `prepare`."""

    @abstractmethod
    def files(self, folder: Path) -> list[Path]:
        """The paths of all files that `open` reads, in a fixed order."""

    def by_hand(self) -> str | None:
        """What the user must do if no program may download it; None if a program may."""
        return None

    def fetch(self, folder: Path) -> None:
        """Download into `folder`, which may hold files of an earlier attempt.

        Everything in the folder may be deleted. A `UserError` if datasets of this source are not downloaded.
        """
        raise UserError(f"{type(self).__name__}: a dataset of this source is not downloaded")

    def address(self) -> str:
        """The address of the download."""
        raise NotImplementedError

    def unreachable(self, reason: str) -> str:
        """The message for a download that failed, with what to get by hand."""
        raise NotImplementedError


SOURCES: Registry[type[Source]] = Registry("dataset source")
source = SOURCES.adding  # source(name) registers a class


def describe_file(path: Path) -> dict[str, Any]:
    """{bytes, sha256} of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def numbered(split: str, count: int) -> list[str]:
    """Ids of samples without names."""
    return [f"{split}/{i:05d}" for i in range(count)]


def how_to_download(root: Path) -> str:
    """The advice for a dataset that cannot be read under `root`."""
    if root.parent.name == DOWNLOADS:  # downloaded by the workflow
        shared = {entry.resolve().parent for entry in root.glob("*") if entry.is_symlink()}
        folders = " and ".join(map(str, (root, *sorted(shared))))
        return f"delete {folders} to download it again"
    return "leave out `root` to download it"
