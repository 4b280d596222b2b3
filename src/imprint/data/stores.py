"""Files that hold many image files: uncompressed tar archives, and Hugging Face datasets."""

from __future__ import annotations

import os
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.errors import UserError
from imprint.store.records import state_of


class Store(ABC):
    """Image files inside other files, numbered by position."""

    @abstractmethod
    def read(self, position: int) -> bytes:
        """The bytes of an image file."""

    @abstractmethod
    def file(self, position: int) -> Path:
        """The file that holds an image file, for messages."""

    @abstractmethod
    def state(self) -> Iterator[bytes]:
        """Bytes that change when the images in the store change."""

    def prefetch(self, position: int) -> None:
        """Ask the system to read an image file into its cache, without waiting."""
        return


@dataclass(frozen=True)
class Archives(Store):
    """Uncompressed tar archives.

    Attributes
    ----------
    paths : tuple of Path
        The archives.
    spans : ndarray of shape (M, 3)
        Archive, first byte and number of bytes of each image file, int64.
    """

    paths: tuple[Path, ...]
    spans: np.ndarray

    def read(self, position: int) -> bytes:
        """The bytes of an image file."""
        _, first, size = self.spans[position].tolist()
        with open(self.file(position), "rb") as archive:
            archive.seek(first)
            return archive.read(size)

    def file(self, position: int) -> Path:
        """The archive of an image file."""
        return self.paths[self.spans[position, 0]]

    def state(self) -> Iterator[bytes]:
        """Size and time of the archives, and the spans of the images in them."""
        yield np.ascontiguousarray(self.spans).tobytes()
        yield from map(file_state, self.paths)

    def prefetch(self, position: int) -> None:
        """Ask the system to read an image file into its cache, without waiting."""
        _, first, size = self.spans[position].tolist()
        prefetch(self.file(position), first, size)


def members(path: Path, first: int = 0, end: int | None = None) -> Iterator[tarfile.TarInfo]:
    """The files in an uncompressed tar archive, in its order; a hard link has the bytes of the file that it names.

    Parameters
    ----------
    path : Path
        The archive, or a file that holds it.
    first, end : int
        The bytes of the archive in that file; all by default.

    Raises
    ------
    UserError
        If it is damaged, or compressed: a file in a compressed archive cannot be read without all files before it.
    """
    spans: dict[str, tuple[int, int]] = {}  # of the files so far
    try:
        with open(path, "rb") as file:
            stop = os.fstat(file.fileno()).st_size if end is None else end
            file.seek(first)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    archive.members = []  # type: ignore[attr-defined]  # tarfile keeps all members in memory
                    if member.islnk():
                        member.offset_data, member.size = _span_of_target(member, spans)
                    elif not member.isfile():
                        continue
                    if member.offset_data + member.size > stop:
                        raise EOFError(f"'{member.name}' goes beyond the end of the archive")
                    spans[os.path.normpath(member.name)] = member.offset_data, member.size
                    yield _named(member)
                _check_end(archive)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as an uncompressed tar archive ({error}); unpack a compressed one (gunzip), download "
            "a damaged one again"
        ) from error


def _span_of_target(link: tarfile.TarInfo, spans: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """First byte and size of the file that a hard link names; a `ReadError` if it is not before the link."""
    target = os.path.normpath(link.linkname)
    if target not in spans:
        raise tarfile.ReadError(
            f"{link.name} is a hard link to {link.linkname}, which is not before it"
        )
    return spans[target]


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise an `EOFError` if an archive that was read to its end lacks the block of zeros there.

    An archive that is cut off between two members looks complete otherwise.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise EOFError(
            "it is cut off or damaged: it lacks the block of zeros at the end of an archive"
        )


def _named(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member; a `ReadError` if its name is not UTF-8 and could not be written to a table."""
    name = os.fsencode(member.name).decode("utf-8", "backslashreplace")
    if name != member.name:
        raise tarfile.ReadError(f"the name {name} is not UTF-8; pack it again with names in UTF-8")
    return member


def file_state(path: Path) -> bytes:
    """Size and times of a file, which change when the file does; no program can set the last."""
    return f"{state_of(path) or 'missing'} ".encode()


def prefetch(path: Path, first: int = 0, size: int = 0) -> None:
    """Ask the system to read a file, or part of it, into its cache, without waiting."""
    if hasattr(os, "posix_fadvise"):
        with (
            suppress(OSError),
            open(path, "rb", buffering=0) as file,
        ):  # errors are raised when it is read
            os.posix_fadvise(file.fileno(), first, size, os.POSIX_FADV_WILLNEED)
