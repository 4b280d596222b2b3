"""Batches of pixels in the order of the samples, made ahead of their use.

Loading runs in threads, not processes: Pillow and torch decode and resize outside the interpreter's lock, and
nothing has to be copied between processes or started anew in a job's script.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.transforms import Transform

Batch = tuple[int, torch.Tensor | None, dict[int, str]]


def batches(
    images: Images, transform: Transform, size: int, start: int = 0, workers: int = 0
) -> Iterator[Batch]:
    """Yield (number of samples, uint8 pixels, {position: reason}) of `size` samples each, from `start` on.

    The pixels are those of `transform`, on the processor. What cannot be read is left out of them and
    reported; they are None if nothing is left. workers: so many threads load, one batch each; 0 loads when
    asked.
    """

    def in_memory(part):
        return len(part), transform.batch_pixels(images.array[part.start : part.stop]), {}

    def one_by_one(part):
        read, unread = [], {}
        for position in part:
            try:
                read.append(transform.pixels(images[position]))
            except MemoryError:
                raise
            except Exception as error:  # a damaged file raises nearly every class there is
                unread[position] = f"{type(error).__name__}: {error}"
        return len(part), torch.stack(read) if read else None, unread

    load = one_by_one if reads_one_by_one(images, transform) else in_memory
    firsts = range(start, len(images), size)
    parts = (range(first, min(first + size, len(images))) for first in firsts)
    if workers == 0:
        yield from map(load, parts)
        return
    pool = ThreadPoolExecutor(workers, "imprint-load")
    try:
        loading = deque()
        for part in parts:
            loading.append(pool.submit(load, part))
            if len(loading) > workers:
                yield loading.popleft().result()
        while loading:
            yield loading.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def reads_one_by_one(images: Images, transform: Transform) -> bool:
    """Whether each image is handled alone, which is far slower than a batch held in memory."""
    return images.array is None or not transform.has_batched


def unreadable(images: Images, position: int, reason: str) -> UserError:
    """The user's error for an image that cannot be read."""
    path = images.folder / images.ids[position] if images.folder else images.ids[position]
    return UserError(f"image {path} cannot be read: {reason}; mend or remove it, or set on_error to skip")
