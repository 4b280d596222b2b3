"""Readers of images: this thread, other threads, or processes.

Threads are used when they share the processor with the model: nothing is copied between processes. For a GPU they are too
slow: Pillow holds the interpreter's lock for part of each image, so that 15 threads read no more photographs than 8 do,
while 15 processes read 2.5 times as many.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from imprint.data.image_formats import UnreadableImage
from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.transforms import Transform

T = TypeVar("T")

# uint8 (n, 1 or 3, height, width) of the images that could be read, or from processes an array (n, height, width, 3), None if
# there are none; and {position: reason} of the others
Pixels = tuple[torch.Tensor | np.ndarray | None, dict[int, str]]


class ReaderImages(NamedTuple):
    """Images and their transform."""

    images: Images
    transform: Transform

    @property
    def one_by_one(self) -> bool:
        """Whether each image is transformed alone, which is far slower than a batch in memory."""
        return self.images.array is None or not self.transform.has_batched

    def pixels(self, rows: range) -> Pixels:
        """The input of the model for these samples."""
        if not self.one_by_one:
            assert self.images.array is not None
            return self.transform.batch_pixels(self.images.array[rows.start : rows.stop]), {}
        read, unread = [], {}
        for position in rows:
            try:
                pixels = self.transform.pixels(self.images[position])
                read.append(pixels.permute(1, 2, 0))  # the memory layout of images
            except MemoryError:
                raise
            except UnreadableImage as error:
                unread[position] = str(error)
            except Exception as error:  # from a transform, or a source with its own reader
                unread[position] = f"{type(error).__name__}: {error}"
        return torch.stack(read).permute(0, 3, 1, 2) if read else None, unread

    def defects(self, rows: range) -> dict[int, str]:
        """The reasons why samples cannot be read, found by a quick check of each file."""
        defects = ((i, self.images.defect(i)) for i in rows)
        return {i: reason for i, reason in defects if reason is not None}


class Readers:
    """A context in which images are read.

    Parameters
    ----------
    source : ReaderImages
        The images and their transform.
    count : int
        Number of workers; with 0, images are read in this thread on each call.
    processes : bool, default=False
        Whether workers are processes if images are read one by one. They are forked, so that only this process uses
        the device, and end with it.
    """

    def __init__(self, source: ReaderImages, count: int, processes: bool = False) -> None:
        self.images, self.count = source.images, count
        self._source = source
        self._processes = processes and count > 1 and source.one_by_one
        self._pool: Executor | None = None

    def __enter__(self) -> Readers:
        if self._processes:
            self._pool = ProcessPoolExecutor(
                self.count,
                multiprocessing.get_context("fork"),
                initializer=_begin,
                initargs=(self._source, os.getpid()),
            )
            self._pool.submit(os.getpid)  # the first task forks them, best before the GPU is in use
        elif self.count:
            self._pool = ThreadPoolExecutor(self.count, "imprint-load")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise UserError(
                "a process that reads images was killed from outside, probably because memory ran out; give the job more "
                "memory or fewer threads"
            ) from error

    def pixels(self, rows: range) -> Future[Pixels]:
        """The input of the model for these samples, as a future."""
        return self._submit(_pixels_here if self._processes else self._source.pixels, rows)

    def defects(self, rows: range) -> Future[dict[int, str]]:
        """The reasons why samples cannot be read, found by a quick check of each file, as a future."""
        return self._submit(_defects_here if self._processes else self._source.defects, rows)

    def _submit(self, function: Callable[[range], T], rows: range) -> Future[T]:
        if self._pool is not None:
            return self._pool.submit(function, rows)
        future: Future[T] = Future()
        future.set_result(function(rows))
        return future


_here: ReaderImages | None = None  # the source of a reading process


def _begin(source: ReaderImages, parent: int) -> None:
    """Start a reading process: its parent handles interrupts, and it ends when its parent does."""
    global _here
    _here = source
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _pixels_here(rows: range) -> Pixels:
    assert _here is not None
    pixels, unread = _here.pixels(rows)
    if pixels is None:
        return None, unread
    # as an array: tensors are passed through shared memory, of which containers have little
    return np.asarray(torch.as_tensor(pixels).permute(0, 2, 3, 1)), unread


def _defects_here(rows: range) -> dict[int, str]:
    assert _here is not None
    return _here.defects(rows)
