"""Devices of torch: which there are, how arrays come to them, how exact their products are, and on how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from imprint.errors import UserError


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is CUDA, else Apple's MPS, else the processor.

    Raises
    ------
    UserError
        If this machine does not have it.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return torch.device(available[0])
    kind, _, number = name.partition(":")
    exists = kind in available
    if exists and number:
        count = torch.cuda.device_count() if kind == "cuda" else 1
        exists = number.isdecimal() and int(number) < count
    if not exists:
        raise UserError(
            f"device '{name}' is not there; this machine has: {', '.join(available)} (auto chooses the first)"
        )
    return torch.device(name)


def upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array as float32 on a device, not waited for."""
    tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if device.type == "cuda":  # from other memory a copy is waited for
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


@contextmanager
def float32_products() -> Iterator[None]:
    """Products of float32 keep its 24 bits, also where the system's default is fewer (TF32)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch keeps to one thread: on one image, or on weights, others only wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
