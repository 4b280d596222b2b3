"""Files with provenance, written atomically.

Every file has a `provenance` attribute (JSON): what it was made from, and the version of the library. A file is
written under a temporary name in its folder, flushed to disk and renamed, so that every file under its final name is
complete.
"""

from __future__ import annotations

import glob
import inspect
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.interrupts import MOMENT, interrupt_soon
from imprint.store.seals import BLANK, NAME, REMEDY, check_seal, damaged, seal
from imprint.store.version import __version__

if TYPE_CHECKING:
    from filelock import FileLock

WRITTEN_SUFFIXES = (
    ".csv",
    ".h5",
    ".hdf5",
    ".json",
    ".jsonl",
    ".onnx",
    ".pt2",
    ".safetensors",
    ".txt",
)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, flushed and renamed to it on success, removed on failure.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic(Path(folder, "a.txt")) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # a name of its own, so that an interrupt of the next lines leaves nothing; `tempfile` would make the file private
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, see `atomic`."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_lock(path: str | Path, **options: Any) -> FileLock:
    """A lock that the system releases when the process ends. `acquire` raises an `OSError` on a file system without locks.

    options: those of `filelock.FileLock`.
    """
    from filelock import FileLock  # slow to import for the Snakefile

    # a soft lock outlives a killed process
    return FileLock(path, fallback_to_soft=False, **options)


def require_no_input(label: str, output: Path, inputs: Iterable[Path]) -> None:
    """A `UserError` if writing an output would overwrite one of the inputs, or a file in a folder among them.

    A file in a folder may be overwritten if its suffix is one that imprint writes.
    """
    if not output.is_file():
        return
    for path in inputs:
        if path.exists() and path.samefile(output):
            raise UserError(f"{label} {output} is an input and would be lost; name another file")
        inside = path.is_dir() and output.resolve().is_relative_to(path.resolve())
        if inside and output.suffix.lower() not in WRITTEN_SUFFIXES:
            raise UserError(
                f"{label} {output} is a file of {path}, which is read, and would be lost; name another file"
            )


def remove_unfinished(path: str | Path) -> None:
    """Remove temporary files that a killed process left when it wrote `path`, or a note beside it, by `atomic`."""
    path = Path(path)
    for dots in (".", ".."):  # the name of a note begins with a dot already
        for temporary in path.parent.glob(f"{dots}{glob.escape(path.name)}.*.tmp*"):
            temporary.unlink(missing_ok=True)


class _Lenient(io.FileIO):
    """A file whose failed writes are remembered instead of raised.

    If the disk is full when HDF5 closes a file, the process ends with a segmentation fault.
    """

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        try:
            while self.failed is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.failed = error
        return len(data)

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as HDF5 asks for; those that could not be written are zeros.

        HDF5 would take whatever is in memory for addresses, and end the process.
        """
        view = memoryview(buffer).cast("B")
        count = super().readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)


@contextmanager
def _after_calls_of_hdf5(*others: Callable[..., Any]) -> Iterator[None]:
    """Delay Ctrl-C in a call of a `_Lenient`, or of other functions, until it ends: HDF5 would lose the values of that call, and go on."""
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual) or threading.current_thread() is not threading.main_thread():
        yield  # there is no interrupt
        return
    functions = map(inspect.unwrap, (_Lenient.write, _Lenient.readinto, *others))
    calls = {function.__code__ for function in functions}
    is_late = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_late
        inner = frame
        while inner is not None and inner.f_code not in calls:
            inner = inner.f_back
        is_late = inner is not None
        if is_late:
            interrupt_soon()
        else:
            usual(number, frame)

    try:
        signal.signal(signal.SIGINT, handle)
        yield
        for _ in range(100):
            if not is_late:
                break
            time.sleep(MOMENT)
    finally:
        signal.signal(signal.SIGINT, usual)
    if is_late:  # it never came, as in a process that was forked meanwhile
        signal.raise_signal(signal.SIGINT)


@contextmanager
def new_hdf5(path: str | Path) -> Iterator[Any]:
    """Open a new HDF5 file for writing; it gets its name once it is complete. A full disk raises an `OSError`."""
    import h5py
    import numpy as np

    with atomic(path) as temporary:
        # otherwise HDF5 would close its file after `disk` is closed
        begin_and_end = h5py.File.__init__, h5py.File.__enter__, h5py.File.__exit__
        with _after_calls_of_hdf5(*begin_and_end), _Lenient(temporary, "w+") as disk:
            try:
                with h5py.File(disk, "w") as file:
                    file.attrs[NAME] = np.bytes_(BLANK)
                    yield file
            finally:
                if disk.failed:
                    raise OSError(disk.failed.errno, disk.failed.strerror, str(path))
        seal(temporary)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal content gives equal text.

    Examples
    --------
    >>> canonical({"b": (1, 2), "a": None})
    '{"a":null,"b":[1,2]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def provenance_json(**fields: Any) -> str:
    """The JSON text of the `provenance` attribute: the given fields and the library's version."""
    return canonical({"imprint": __version__, **fields})


@contextmanager
def open_hdf5(path: str | Path, remedy: str = REMEDY) -> Iterator[Any]:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : path
        The file.
    remedy : str
        What to do about a damaged one.

    Raises
    ------
    UserError
        If it is missing, damaged or not an HDF5 file, or if reading it inside the context fails.
    """
    import h5py

    check_seal(path, remedy)
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except OSError as error:
        raise damaged(path, remedy, f"it is not a readable HDF5 file ({error})") from None
    with file:
        try:
            yield file
        except UserError:
            raise
        except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
            # HDF5 raises any of these for damaged bytes
            raise damaged(path, remedy, f"it cannot be read ({error})") from error
