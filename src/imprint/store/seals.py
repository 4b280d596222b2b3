"""Seals: a file holds the SHA-256 of all its other bytes, so that damage is noticed before its content is used.

A writer puts `BLANK` into the metadata of its format (an attribute of HDF5, the metadata of Parquet and safetensors)
and `seal` replaces the zeros in it. The digest is that of the file with zeros in place of the digest. So no second file
is needed, and any program that knows the format can read the file.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imprint.errors import UserError

NAME = "seal"  # of the attribute or key
REMEDY = "delete it and run again"  # for a damaged file of a study
_MARK = b"imprint-sha256:"
_DIGITS = 64
BLANK = (_MARK + b"0" * _DIGITS).decode()


def seal(path: str | Path) -> None:
    """Fill the blank seal of a finished file."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        blank = content.find(BLANK.encode())
        if blank < 0:
            raise ValueError(f"{path} has no blank seal")
        first = blank + len(_MARK)
        content[first : first + _DIGITS] = _digest(content, first).encode()
        content.flush()


def check_seal(path: str | Path, remedy: str = REMEDY) -> None:
    """Compare a file with its seal; a file without one passes.

    Parameters
    ----------
    path : path
        A file.
    remedy : str
        What to do about a damaged one.

    Raises
    ------
    UserError
        If the file is damaged or was edited, or the user may not read it.
    """
    try:
        with _mapped(path) as content:
            first = content.find(_MARK)
            if first < 0:
                return
            first += len(_MARK)
            if content[first : first + _DIGITS].decode("latin1") == _digest(content, first):
                return
    except PermissionError as error:  # not damage: what is in it may be good
        raise UserError(
            f"{path} cannot be read: {error.strerror}; give this user permission"
        ) from None
    except (OSError, ValueError):  # missing or empty, which the reader reports
        return
    raise damaged(path, remedy, "its content does not match its checksum")


def is_sealed(path: str | Path) -> bool:
    """Whether a file holds a seal; False for a missing or empty one."""
    try:
        with _mapped(path) as content:
            return content.find(_MARK) >= 0
    except (OSError, ValueError):
        return False


@contextmanager
def _mapped(path: str | Path) -> Iterator[mmap.mmap]:
    """The content of a file; an `OSError` or a `ValueError` if it is missing or empty."""
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        yield content


def damaged(path: str | Path, remedy: str, why: str) -> UserError:
    """The error for a damaged file; for a link to a shared cache, it also names the target."""
    target = f" (a link to {Path(path).resolve()}: delete both)" if Path(path).is_symlink() else ""
    return UserError(f"{path}{target} is damaged or was edited: {why}; {remedy}")


def _digest(content: mmap.mmap, first: int) -> str:
    """SHA-256 of a file with zeros in place of the digits from `first` on."""
    with memoryview(content) as view:
        digest = hashlib.sha256(view[:first])
        digest.update(b"0" * _DIGITS)
        digest.update(view[first + _DIGITS :])
    return digest.hexdigest()
