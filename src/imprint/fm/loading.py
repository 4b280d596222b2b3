"""Batches of pixels in the order of the samples, made ahead of their use.

Loading runs in threads, not processes: Pillow and torch decode and resize outside the interpreter's lock, and
nothing has to be copied between processes or started anew in a job's script.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import torch

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.transforms import Transform

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
    """Yield (number of samples, uint8 pixels, {position: reason}) of `size` samples each, from `start` on.

    The pixels are those of `transform`, on the processor, in page-locked memory if `pinned`. What cannot be
    read is left out of them and reported; they are None if nothing is left. workers: so many threads load a
    batch together; 0 loads without any. ahead: so many batches are loaded before they are asked for; with 0 the
    system reads the files of the next batch meanwhile, which takes no thread of ours.
    """

    def in_memory(part):
        return transform.batch_pixels(images.array[part.start : part.stop]), {}

    def one_by_one(part):
        read, unread = [], {}
        for position in part:
            try:
                read.append(transform.pixels(images[position]))
            except MemoryError:
                raise
            except Exception as error:  # a damaged file raises nearly every class there is
                unread[position] = f"{type(error).__name__}: {error}"
        return torch.stack(read) if read else None, unread

    load = one_by_one if reads_one_by_one(images, transform) else in_memory
    firsts = range(start, len(images), size)
    parts = [range(first, min(first + size, len(images))) for first in firsts]
    if workers == 0:
        for part, following in pairwise([*parts, ()]):
            batch = _whole(part, [load(part)], pinned)
            images.expect(following)
            yield batch
        return
    pool = ThreadPoolExecutor(workers, "imprint-load")
    try:
        loading = deque()
        for part, following in pairwise([*parts, ()]):
            loading.append((part, [pool.submit(load, piece) for piece in _pieces(part, workers)]))
            if len(loading) > ahead:
                batch = _finished(*loading.popleft(), pinned)
                if ahead == 0:
                    images.expect(following)
                yield batch
        while loading:
            yield _finished(*loading.popleft(), pinned)
    finally:
        pool.shutdown(cancel_futures=True)


def _pieces(part, count):
    """A range cut into at most `count` of nearly equal length."""
    step = -(-len(part) // count)
    return [part[first : first + step] for first in range(0, len(part), step)]


def _finished(part, futures, pinned):
    return _whole(part, [future.result() for future in futures], pinned)


def _whole(part, pieces, pinned):
    """One `Batch` of its pieces."""
    pixels = [x for x, _ in pieces if x is not None]
    x = None if not pixels else pixels[0] if len(pixels) == 1 else torch.cat(pixels)
    unread = {position: reason for _, skipped in pieces for position, reason in skipped.items()}
    return len(part), x.pin_memory() if pinned and x is not None else x, unread


def reads_one_by_one(images: Images, transform: Transform) -> bool:
    """Whether each image is handled alone, which is far slower than a batch held in memory."""
    return images.array is None or not transform.has_batched


def unreadable(images: Images, position: int, reason: str) -> UserError:
    """The user's error for an image that cannot be read."""
    path = images.folder / images.ids[position] if images.folder else images.ids[position]
    return UserError(
        f"image {path} cannot be read: {reason}; mend or remove it, or leave such images out (`on_error: skip`, --skip-unreadable)"
    )
