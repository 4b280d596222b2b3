"""Run a model on a device, in a precision, in batches that fit its memory."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from imprint.devices import float32_products, torch_threads
from imprint.errors import UserError
from imprint.fm.batch_norms import fold_batch_norms
from imprint.fm.embedder import Embedder

log = logging.getLogger("imprint")

# of a forward pass on a processor: more pixels do not fit its caches
_PIXELS = 16 * 260**2
# Below this many images, torch on one thread uses another algorithm for 1 x 1 convolutions: a third slower, and with different
# last bits.
_FEWEST_IMAGES = 16

# glibc's mallopt options: the size from which memory blocks are mapped anew each time, and the free bytes kept at most
_MAP_FROM, _GIVE_BACK = -3, -1
_LARGEST = 2**31 - 1
_USUAL = 32 * 2**20  # the largest value that glibc sets by itself

PRECISIONS: dict[str, torch.dtype | None] = {
    "float32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class Batched:
    """A model on a device, its batch norms folded, called on parts of a batch that fit memory.

    Parameters
    ----------
    embedder : Embedder
        The model.
    device : torch.device
        The device.
    precision : {"float32", "bf16", "fp16"}
        Precision of the forward pass; the weights stay float32.
    """

    def __init__(self, embedder: Embedder, device: torch.device, precision: str) -> None:
        height, width = embedder.transform.size
        example = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
        fold_batch_norms(embedder.body, example)
        self.embedder = embedder.to(device)
        for parameter in self.embedder.parameters():
            if parameter.ndim == 4:  # `Module.to` would refuse models with 3-d convolutions
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.device, self.dtype = device, PRECISIONS[precision]
        self.largest: int | None = None
        if device.type == "cpu":
            self.largest = images_at_once(height, width)

    @torch.inference_mode()
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels, uint8 (n, 1 or 3, H, W) -> float32 (n, dim), on the device."""
        rows, first = [], 0
        while first < len(x):
            remaining = len(x) - first
            pieces = -(-remaining // (self.largest or remaining))
            # equal sizes, none below _FEWEST_IMAGES
            piece = x[first : first + -(-remaining // pieces)]
            try:
                rows.append(self._embed(piece))
                first += len(piece)
            except RuntimeError as error:
                self._shrink(len(piece), error)
        return torch.cat(rows)

    def _shrink(self, size: int, error: RuntimeError) -> None:
        """Halve the batch after an out-of-memory error; raise any other error."""
        if not out_of_memory(error):
            raise error
        if size == 1:
            model = self.embedder.identity["model"]
            raise UserError(
                f"{self.device} has too little memory for one image with the model {model}"
            ) from error
        self.largest = size // 2
        log.warning("out of memory with a batch of %d, going on with %d", size, self.largest)

    def _embed(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embedder.transform.normalised(x.to(self.device, non_blocking=True))
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            embeddings: torch.Tensor = self.embedder(x)
            return embeddings.to(torch.float32)


def images_at_once(height: int, width: int) -> int:
    """The largest number of images of this size in a forward pass on a processor."""
    return max(_FEWEST_IMAGES, _PIXELS // (height * width))


def out_of_memory(error: RuntimeError) -> bool:
    """Whether a RuntimeError of torch is an out-of-memory error (only CUDA has a class for it)."""
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in text
        or "allocate memory" in text
    )


@contextmanager
def memory_kept() -> Iterator[None]:
    """Keep freed memory in the process, and give it back at the end.

    Otherwise a layer's output of several megabytes is mapped anew for each batch and cleared by the system, which takes half
    of the time of a small convolutional network. Has no effect if the C library is not glibc.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):
        yield
        return
    assert libc is not None
    if not libc.mallopt(_MAP_FROM, _LARGEST):
        libc.mallopt(_MAP_FROM, _USUAL)  # glibc before 2.35 allows no more
    libc.mallopt(_GIVE_BACK, _LARGEST)
    try:
        yield
    finally:
        libc.mallopt(_MAP_FROM, _USUAL)
        libc.mallopt(_GIVE_BACK, 2 * _USUAL)
        libc.malloc_trim(0)


@contextmanager
def torch_settings(device: torch.device, threads: int, one_by_one: bool) -> Iterator[int]:
    """Set torch up for a job, and restore its settings afterwards.

    With a GPU, all threads but one load images. On a processor all threads load, then all compute (`batches` with
    `ahead` 0): fixed shares would be idle part of the time, and both at once would use twice the threads of the job.

    Parameters
    ----------
    device : torch.device
        Device of the model.
    threads : int
        Threads of the job.
    one_by_one : bool
        Whether images are read one by one.

    Yields
    ------
    int
        The number of loading threads.
    """
    if device.type == "cpu":
        computing, workers = threads, threads if one_by_one and threads > 1 else 0
    else:
        computing, workers = 1, threads - 1
    with torch_threads(computing), float32_products(), memory_kept():
        yield workers
