"""Batches of pixels in the order of the samples, made ahead of their use.

Loading runs in threads, not processes: Pillow and torch decode and resize outside the interpreter's lock, and
nothing has to be copied between processes or started anew in a job's script.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import torch

from imprint.data.image_formats import UnreadableImage
from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.transforms import Transform

LISTED = 20  # images named in a message

Pixels = tuple[torch.Tensor | None, dict[int, str]]
Batch = tuple[int, torch.Tensor | None, dict[int, str]]


def batches(
    images: Images,
    transform: Transform,
    size: int,
    start: int = 0,
    workers: int = 0,
    ahead: int = 0,
    pinned: bool = False,
) -> Iterator[Batch]:
    """Load the images from `start` on.

    Parameters
    ----------
    images : Images
        The images.
    transform : Transform
        What they go through.
    size : int
        Samples of a batch.
    start : int
        The first sample.
    workers : int
        Threads that load a batch together; 0 loads without any.
    ahead : int
        Batches that are loaded before they are asked for. With 0 the system reads the files of the next batch
        meanwhile, which takes no thread of ours.
    pinned : bool
        Whether pixels lie in page-locked memory.

    Yields
    ------
    count : int
        Number of samples.
    pixels : tensor of shape (n, 1 or 3, H, W), or None
        uint8, on the processor, of those that could be read; None if none could.
    unread : dict
        {position: reason} of the others.
    """

    def in_memory(rows: range) -> Pixels:
        assert images.array is not None
        return transform.batch_pixels(images.array[rows.start : rows.stop]), {}

    def one_by_one(rows: range) -> Pixels:
        read, unread = [], {}
        for position in rows:
            try:
                read.append(transform.pixels(images[position]))
            except MemoryError:
                raise
            except UnreadableImage as error:
                unread[position] = str(error)
            except Exception as error:  # of a transform, and of sources with readers of their own
                unread[position] = f"{type(error).__name__}: {error}"
        return torch.stack(read) if read else None, unread

    load = one_by_one if reads_one_by_one(images, transform) else in_memory
    firsts = range(start, len(images), size)
    batch_rows = [range(first, min(first + size, len(images))) for first in firsts]
    if workers == 0:
        for rows, following in pairwise([*batch_rows, range(0)]):
            batch = _joined(rows, [load(rows)], pinned)
            images.prefetch(following)
            yield batch
        return
    pool = ThreadPoolExecutor(workers, "imprint-load")
    try:
        loading: deque[tuple[range, list[Future[Pixels]]]] = deque()
        for rows, following in pairwise([*batch_rows, range(0)]):
            loading.append((rows, [pool.submit(load, piece) for piece in _pieces(rows, workers)]))
            if len(loading) > ahead:
                batch = _finished(*loading.popleft(), pinned=pinned)
                if ahead == 0:
                    images.prefetch(following)
                yield batch
        while loading:
            yield _finished(*loading.popleft(), pinned=pinned)
    finally:
        pool.shutdown(cancel_futures=True)


def _pieces(rows: range, count: int) -> list[range]:
    """A range cut into at most `count` of nearly equal length."""
    step = -(-len(rows) // count)
    return [rows[first : first + step] for first in range(0, len(rows), step)]


def _finished(rows: range, futures: list[Future[Pixels]], pinned: bool) -> Batch:
    return _joined(rows, [future.result() for future in futures], pinned)


def _joined(rows: range, pieces: list[Pixels], pinned: bool) -> Batch:
    """One `Batch` of its pieces."""
    pixels = [x for x, _ in pieces if x is not None]
    x = None if not pixels else pixels[0] if len(pixels) == 1 else torch.cat(pixels)
    unread = {position: reason for _, skipped in pieces for position, reason in skipped.items()}
    return len(rows), x.pin_memory() if pinned and x is not None else x, unread


def reads_one_by_one(images: Images, transform: Transform) -> bool:
    """Whether each image is handled alone, which is far slower than a batch held in memory."""
    return images.array is None or not transform.has_batched


def require_readable(images: Images, workers: int) -> None:
    """A `UserError` with all image files that cannot be read, as far as a short look at each tells."""
    if images.array is not None:
        return
    with ThreadPoolExecutor(workers, "imprint-check") as pool:
        defects = enumerate(pool.map(images.defect, range(len(images))))
        if reasons := {i: reason for i, reason in defects if reason is not None}:
            raise unreadable(images, reasons)


def unreadable(images: Images, reasons: Mapping[int, str]) -> UserError:
    """The user's error for images that cannot be read, {position: reason}."""
    advice = "or leave such images out (--skip-unreadable; in a study `on_error: skip`)"
    if len(reasons) == 1:
        ((i, reason),) = reasons.items()
        return UserError(
            f"image {images.path(i)} cannot be read: {reason}; mend or remove it, {advice}"
        )
    lines = [f"{images.path(i)}: {reasons[i]}" for i in sorted(reasons)[:LISTED]]
    if len(reasons) > LISTED:
        lines.append(f"and {len(reasons) - LISTED} more")
    listed = "\n  ".join(lines)
    return UserError(
        f"{len(reasons)} of {len(images)} images cannot be read:\n  {listed}\nmend or remove them, {advice}"
    )
