"""A cache of finished blocks of work: after an edit only new blocks are computed, and a killed job continues.

A block is one proxy set, the scores of one proxy set under one scoring, or the collapse of one draw. Each output
file of the rules that compute them has its own SQLite file under `cache/` in the results. The key of a block is a
digest of all that it depends on: the content of the embeddings and proxies, the parameters, and the code. So
no block is ever out of date, and all can be deleted at any time. There is one file per output instead of one
per block: a study has hundreds of thousands of blocks, more than the number of files that many clusters allow.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imprint.store.files import canonical

log = logging.getLogger("imprint")

FOLDER = "cache"  # under the results
FORMAT = 2  # of these files; files of another format are replaced
COMMIT_SECONDS = 2  # between two commits: the work that a kill may lose
WAIT = 30  # seconds to wait for another writer of the same file, left over from a killed run
TABLE = "CREATE TABLE IF NOT EXISTS blocks (key BLOB PRIMARY KEY, value BLOB, digest BLOB, used INTEGER)"


def digest(*arrays: np.ndarray | None) -> str:
    """SHA-256 of the content, type and shape of arrays, in hexadecimal."""
    content = hashlib.sha256()
    for array in arrays:
        if array is not None:
            content.update(f"{array.dtype}{array.shape}".encode())
            content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()


def block_key(*values: Any) -> bytes:
    """The key of a block that depends on these values (JSON)."""
    return hashlib.sha256(canonical(values).encode()).digest()


@dataclass
class Work:
    """The numbers of blocks that a job requested and computed."""

    requested: int = 0
    computed: int = 0

    def add(self, requested: int, computed: int) -> None:
        """Count blocks; those that are not computed are reused."""
        self.requested += requested
        self.computed += computed

    def __str__(self) -> str:
        return f"{self.requested} requested, {self.computed} computed, {self.requested - self.computed} reused"


@dataclass
class Blocks:
    """The blocks of one output file, by key. Without a file, or if it cannot be written, new ones are kept in memory.

    If the file fails, this is logged and blocks are computed again; the job does not fail.
    """

    file: sqlite3.Connection | None = None
    is_writable: bool = True
    pending: dict[bytes, bytes] = field(default_factory=dict)
    used: set[bytes] = field(default_factory=set)
    committed: float = field(default_factory=time.monotonic)

    def get(self, key: bytes) -> bytes | None:
        """A block, or None if it is missing or damaged and has to be computed."""
        self.used.add(key)
        if key in self.pending:
            return self.pending[key]
        rows = self._execute("SELECT value, digest FROM blocks WHERE key = ?", [(key,)])
        if not rows or not isinstance(rows[0][0], bytes) or rows[0][1] != _check(key, rows[0][0]):
            return None
        return rows[0][0]

    def put(self, key: bytes, value: bytes) -> None:
        """Store a block; it is written to disk within seconds."""
        self.used.add(key)
        self.pending[key] = value
        if self.file and self.is_writable and time.monotonic() - self.committed > COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Write all pending blocks to disk, marked as those of a run that has not ended."""
        rows = [(key, value, _check(key, value)) for key, value in self.pending.items()]
        if rows:
            self._execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, NULL)", rows)
            self.pending = {} if self.file and self.is_writable else self.pending
        self.committed = time.monotonic()

    def close(self) -> None:
        """Commit, and record the time at which this run used its blocks."""
        self.commit()
        now = int(time.time())
        # blocks of killed runs
        self._execute("UPDATE blocks SET used = 0 WHERE used IS NULL", [()])
        self._execute("UPDATE blocks SET used = ? WHERE key = ?", [(now, key) for key in self.used])

    def _execute(self, command: str, values: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        reads = command.startswith("SELECT")
        if self.file is None or not (reads or self.is_writable):
            return []
        try:
            with self.file:
                if reads:
                    return self.file.execute(command, values[0]).fetchall()
                self.file.executemany(command, values)
        except (sqlite3.Error, ValueError) as error:  # ValueError: a damaged name is not text
            log.warning("finished blocks cannot be stored from here on: %s", error)
            self.is_writable = False
            if reads:
                self.file = None
        return []


def _check(key: bytes, value: bytes) -> bytes:
    """A checksum of key and value, as a damaged index could return the block of another key."""
    return hashlib.blake2b(key + value, digest_size=8).digest()


def blocks_file(results: str | Path, output: str | Path) -> Path:
    """The file of the blocks of an output file."""
    return Path(results) / FOLDER / Path(output).relative_to(results).with_suffix(".blocks")


@contextmanager
def open_blocks(path: str | Path | None) -> Iterator[Blocks]:
    """Open the blocks in the file `path`, or blocks in memory if it is None or cannot be opened."""
    connection = None
    try:
        connection = _open(Path(path)) if path else None
    except (OSError, sqlite3.Error, ValueError) as error:
        log.warning("finished blocks cannot be stored in %s: %s", path, error)
    blocks = Blocks(connection)
    try:
        yield blocks
    except BaseException:
        blocks.commit()
        raise
    else:
        blocks.close()
    finally:
        if connection:
            connection.close()


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    for again in (False, True):
        if not path.exists():
            path.touch()  # with the permissions of other files; SQLite would deny a group to write
        connection = sqlite3.connect(path, timeout=WAIT)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, FORMAT):
                raise sqlite3.DatabaseError(f"its format is {version}, not {FORMAT}")
            if version == 0:
                connection.execute(TABLE)
                connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("SELECT 1 FROM blocks LIMIT 1")
            break
        except sqlite3.OperationalError:
            connection.close()  # locked, read-only or no space: the file stays
            raise
        except (sqlite3.DatabaseError, ValueError) as error:
            connection.close()
            if again:
                raise
            log.warning("%s is damaged or of another version (%s); it is replaced", path, error)
            for damaged in (path, path.with_name(path.name + "-journal")):
                damaged.unlink(missing_ok=True)
    return connection


@dataclass(frozen=True)
class Content:
    """One file of blocks: its path, bytes, number of blocks, and how many of them its last run did not use."""

    path: Path
    size: int
    blocks: int
    unused: int


def contents(results: str | Path) -> Iterator[Content]:
    """The block files of a study; a file that cannot be read counts as having no blocks."""
    for path in sorted((Path(results) / FOLDER).rglob("*.blocks")):
        blocks, unused = 0, 0
        try:
            address = f"{path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=WAIT)) as file:
                blocks, unused = file.execute(
                    "SELECT count(*), count(*) FILTER (WHERE used < (SELECT max(used) FROM blocks)) FROM blocks"
                ).fetchone()
        except sqlite3.Error as error:
            log.warning(
                "%s is not counted (%s); if it is damaged, its job replaces it", path, error
            )
        yield Content(path, path.stat().st_size, blocks, unused)


def prune(content: Content, needed: bool) -> int:
    """Delete the blocks that the last run did not use, or the whole file if it is not needed; return the bytes freed."""
    if not needed:
        content.path.unlink()
        return content.size
    if content.unused:
        with closing(sqlite3.connect(content.path, timeout=WAIT)) as file:
            with file:
                file.execute("DELETE FROM blocks WHERE used < (SELECT max(used) FROM blocks)")
            file.execute("VACUUM")
    return content.size - content.path.stat().st_size
