"""Torch devices: choice, upload of arrays, precision of products, number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from imprint.errors import UserError


def choose_device(name: str) -> torch.device:
    """The device of a name; `auto` is CUDA, else Apple's MPS, else the CPU.

    Raises
    ------
    UserError
        If this machine has no such device.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return torch.device(available[0])
    kind, colon, number = name.partition(":")
    exists = kind in available
    if exists and colon:
        count = torch.cuda.device_count() if kind == "cuda" else 1
        exists = number in map(str, range(count))
    if not exists:
        raise UserError(
            f"this machine has no device '{name}'; it has: {', '.join(available)} (auto chooses the first)"
        )
    return torch.device(name)


def upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """Copy an array to a device as float32, without waiting for the copy where the device allows it."""
    tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if device.type == "cuda":  # only copies from pinned memory run in the background
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


@contextmanager
def float32_products() -> Iterator[None]:
    """Compute float32 products and convolutions with all 24 bits, even where the default is fewer (TF32)."""
    before, tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Limit torch to `count` threads; for a single image, or for weights, more than one only wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
