"""Batches of pixels in the order of the samples, loaded ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from itertools import pairwise

import numpy as np
import torch

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.readers import Pixels, Readers

LISTED = 20  # images named in a message
LOOKS = 16  # files that a worker checks at a time

Batch = tuple[int, torch.Tensor | None, dict[int, str]]


def batches(
    readers: Readers, size: int, start: int = 0, ahead: int = 0, pinned: bool = False
) -> Iterator[Batch]:
    """Load the images from `start` on.

    Parameters
    ----------
    readers : Readers
        The readers of the images; the workers load a batch together.
    size : int
        Samples of a batch.
    start : int
        The first sample.
    ahead : int
        Batches that workers load in advance. With 0 the system reads the files of the next batch meanwhile, which takes
        none of the job's threads.
    pinned : bool
        Whether pixels are in page-locked memory.

    Yields
    ------
    count : int
        Number of samples.
    pixels : tensor of shape (n, 1 or 3, H, W), or None
        Pixels of the images that could be read, uint8, on the processor; None if none could.
    unread : dict
        {position: reason} of the others.
    """
    images, ahead = readers.images, ahead if readers.count else 0
    firsts = range(start, len(images), size)
    batch_rows = [range(first, min(first + size, len(images))) for first in firsts]
    loading: deque[tuple[range, list[Future[Pixels]]]] = deque()
    for rows, following in pairwise([*batch_rows, range(0)]):
        loading.append((rows, [readers.pixels(piece) for piece in _pieces(rows, readers.count)]))
        if len(loading) > ahead:
            batch = _joined(*loading.popleft(), pinned=pinned)
            if ahead == 0:
                images.prefetch(following)
            yield batch
    while loading:
        yield _joined(*loading.popleft(), pinned=pinned)


def _pieces(rows: range, count: int) -> list[range]:
    """Cut a range into at most `count` ranges of nearly equal length."""
    step = -(-len(rows) // max(1, count))
    return [rows[first : first + step] for first in range(0, len(rows), step)]


def _joined(rows: range, futures: list[Future[Pixels]], pinned: bool) -> Batch:
    """Join the pieces of a batch."""
    pieces = [future.result() for future in futures]
    pixels = [_as_tensor(x) for x, _ in pieces if x is not None]
    unread = {position: reason for _, skipped in pieces for position, reason in skipped.items()}
    if not pixels:
        return len(rows), None, unread
    if not pinned:
        return len(rows), pixels[0] if len(pixels) == 1 else torch.cat(pixels), unread
    shape = sum(map(len, pixels)), *pixels[0].shape[1:]
    interleaved = pixels[0].is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if interleaved else torch.contiguous_format
    # in the layout of the pieces: copying to another takes six times as long
    batch = torch.empty(shape, dtype=torch.uint8, pin_memory=True, memory_format=layout)
    return len(rows), torch.cat(pixels, out=batch), unread


def _as_tensor(pixels: torch.Tensor | np.ndarray) -> torch.Tensor:
    """The pixels of a reader as (n, channels, height, width)."""
    if isinstance(pixels, torch.Tensor):
        return pixels
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def require_readable(readers: Readers) -> None:
    """Raise a `UserError` that lists all image files that fail a quick check."""
    if readers.images.array is not None:
        return
    count = len(readers.images)
    looks = [
        readers.defects(range(first, min(first + LOOKS, count))) for first in range(0, count, LOOKS)
    ]
    reasons = {i: reason for look in looks for i, reason in look.result().items()}
    if reasons:
        raise unreadable(readers.images, reasons)


def unreadable(images: Images, reasons: Mapping[int, str]) -> UserError:
    """The error for images that cannot be read, {position: reason}."""
    advice = "or leave such images out (--skip-unreadable; in a study, `on_error: skip` of a dataset of your own images)"
    if len(reasons) == 1:
        ((i, reason),) = reasons.items()
        return UserError(
            f"image {images.path(i)} cannot be read: {reason}; repair or remove it, {advice}"
        )
    lines = [f"{images.path(i)}: {reasons[i]}" for i in sorted(reasons)[:LISTED]]
    if len(reasons) > LISTED:
        lines.append(f"and {len(reasons) - LISTED} more")
    listed = "\n  ".join(lines)
    return UserError(
        f"{len(reasons)} of {len(images)} images cannot be read:\n  {listed}\nrepair or remove them, {advice}"
    )
