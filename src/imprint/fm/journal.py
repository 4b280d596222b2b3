"""The rows of an unfinished extraction, in a file beside its output, so that a killed extraction can continue.

The file has a header with a fingerprint, then one record per block of samples: lengths, a checksum, the skipped
samples, the rows. A record cut off by a kill fails its checksum and is dropped with all that follow it.
A lock in a hidden file beside it keeps a second process out; the system releases it when the process ends.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import Timeout

from imprint.errors import UserError
from imprint.store.files import file_lock

_MAGIC = b"imprint partial embeddings 1\n"
# samples covered, bytes of the skip list, bytes of the rows, CRC-32 of both
_RECORD = struct.Struct("<QQQI")

# samples covered, {position: reason} of the skipped ones, rows (n, dim) float32 of the others
Record = tuple[int, dict[int, str], np.ndarray]


class Journal:
    """Append-only rows of one extraction.

    Parameters
    ----------
    path : Path
        The file.
    fingerprint : str
        Digest of all that the rows depend on.
    dim : int
        Length of a row.

    Attributes
    ----------
    covered : int
        Number of samples recorded or skipped; 0 if the file is new or had another fingerprint.

    Raises
    ------
    UserError
        If another process has the file open: both would write the same rows.
    """

    def __init__(self, path: Path, fingerprint: str, dim: int) -> None:
        self.path, self.dim = path, dim
        header = _MAGIC + fingerprint.encode() + b"\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = file_lock(path.with_name(f".{path.name}.lock"), timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise UserError(
                f"{path} is being written by another process; wait for its end or stop it"
            ) from None
        except OSError:
            pass  # a file system without locks
        self._file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115  (until `close`)
        self._start = len(header)
        if self._file.read(len(header)) != header:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(header)
        self.covered, end = 0, self._start
        for count, _, _ in self.records():
            self.covered += count
            end = self._file.tell()
        self._file.seek(end)
        self._file.truncate()
        self._sync()

    def append(self, count: int, skipped: Mapping[int, str], rows: np.ndarray) -> None:
        """Record `count` samples: the skipped ones, {position: reason}, and the rows of the others."""
        notes = json.dumps(dict(skipped)).encode()
        payload = np.ascontiguousarray(rows, np.float32).tobytes()
        crc = zlib.crc32(payload, zlib.crc32(notes))
        self._file.write(_RECORD.pack(count, len(notes), len(payload), crc) + notes + payload)
        self._sync()
        self.covered += count

    def records(self) -> Iterator[Record]:
        """The complete records in order."""
        self._file.seek(self._start)
        yield from _records(self._file, self.dim)

    def close(self, discard: bool = False) -> None:
        """Release the file, or delete it."""
        self._file.close()
        if discard:
            self.path.unlink()
            Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()

    def finish(self, path: Path) -> None:
        """Rename the file to the name of the finished one, for `fingerprint_of` and `records_of`."""
        self._file.close()
        self.path.replace(path)
        Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def fingerprint_of(path: Path) -> str | None:
    """The fingerprint of a finished journal; None for any other file."""
    with open(path, "rb") as file:
        if file.readline() != _MAGIC:
            return None
        return file.readline().decode(errors="replace").rstrip("\n")


def records_of(path: Path, dim: int) -> Iterator[Record]:
    """The complete records of a finished journal in order."""
    with open(path, "rb") as file:
        file.readline()
        file.readline()
        yield from _records(file, dim)


def _records(file: BinaryIO, dim: int) -> Iterator[Record]:
    """The records from the current position to the first that is cut off or damaged."""
    while len(head := file.read(_RECORD.size)) == _RECORD.size:
        count, notes_size, size, crc = _RECORD.unpack(head)
        left = os.fstat(file.fileno()).st_size - file.tell()
        # a power cut can leave zeros at the end, whose checksum fits; notes have at least two bytes
        if notes_size == 0 or notes_size + size > left:
            return
        notes, payload = file.read(notes_size), file.read(size)
        if zlib.crc32(payload, zlib.crc32(notes)) != crc:
            return
        skipped = {int(position): reason for position, reason in json.loads(notes).items()}
        yield count, skipped, np.frombuffer(payload, np.float32).reshape(-1, dim)
