"""Timing of calls, and the memory of a process."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np


def seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """Median time of `repeats` calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def in_turn(first: Callable[[], object], second: Callable[[], object], repeats: int) -> np.ndarray:
    """Seconds of two calls, of shape (repeats, 2), as `alternated` takes them."""
    return alternated(partial(seconds, first, 1), partial(seconds, second, 1), repeats)


def alternated(first: Callable[[], float], second: Callable[[], float], repeats: int) -> np.ndarray:
    """Values of two measurements, of shape (repeats, 2).

    They are taken in turn, in alternating order, so that other work on the machine affects both.
    """
    values = np.empty((repeats, 2))
    for i in range(repeats):
        for j in (0, 1) if i % 2 == 0 else (1, 0):
            values[i, j] = (first, second)[j]()
    return values


def peak_gib() -> float:
    """Peak memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
