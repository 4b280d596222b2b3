"""Strips of rows, distributed over threads: each thread multiplies and compares its own rows on one core."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

HEIGHT = 512  # rows of a strip; its products with a block of proxies stay in the cache of a core
FEW_ROWS = 64  # rows below which a further thread is not worth its cost
LIMITED = threading.Lock()  # the number of BLAS threads is a setting of the process

T = TypeVar("T")
EachStrip = Callable[[Callable[[slice], object]], None]


@contextmanager
def strips(
    n: int, at_once: int | None = None, *, many: int = 2 * FEW_ROWS, alone: bool = False
) -> Iterator[EachStrip]:
    """Distribute rows over as many threads as compiled loops may use.

    If BLAS distributed each product itself, its threads would wait for each other at every block, and so would those of the
    compiled loops.

    Parameters
    ----------
    n : int
        Number of rows.
    at_once : int, optional
        Rows in the strips of all threads that fit in memory together.
    many : int, default=128
        Rows from which threads are worth starting.
    alone : bool, default=False
        Whether one thread processes all strips.

    Yields
    ------
    callable
        Calls a function with every strip of the rows, in any order and in parallel.

    Examples
    --------
    >>> counts = []
    >>> with strips(1000) as each:
    ...     each(lambda rows: counts.append(rows.stop - rows.start))
    >>> sum(counts)
    1000
    """
    threads = 1
    if n >= many and not alone:
        threads = max(1, min(_threads(), n // FEW_ROWS))
    height = HEIGHT if at_once is None else max(1, min(HEIGHT, at_once // threads))
    rounds = -(-n // (threads * height))
    count = min(n, threads * rounds)
    rows = [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
    if threads == 1:
        yield lambda function: _run_all(map(function, rows))
        return
    with one_core(), ThreadPoolExecutor(threads, initializer=_take_strips) as pool:
        yield lambda function: _run_all(pool.map(function, rows))


def in_order(function: Callable[[slice], T], parts: Sequence[slice]) -> Iterator[T]:
    """The results of a function for each of `parts`, in order, with as many computed in parallel as strips have threads.

    A sum of the results in this order has the same digits on any number of cores.

    Examples
    --------
    >>> list(in_order(lambda rows: rows.stop, [slice(0, 2), slice(2, 3)]))
    [2, 3]
    """
    threads = min(_threads(), len(parts)) if len(parts) > 1 else 1
    if threads == 1:
        yield from map(function, parts)
        return
    with one_core(), ThreadPoolExecutor(threads, initializer=_take_strips) as pool:
        for first in range(0, len(parts), threads):  # to hold no more results than threads
            yield from pool.map(function, parts[first : first + threads])


def _threads() -> int:
    """Number of threads that may work on strips."""
    if _thread.has_strip:
        return 1
    import numba

    return int(numba.get_num_threads())


@contextmanager
def one_core() -> Iterator[None]:
    """Limit the products of each thread to one core: small products wait longer for other cores than they take."""
    if _thread.is_limited:
        yield
        return
    with LIMITED, _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
        _thread.is_limited = True
        try:
            yield
        finally:
            _thread.is_limited = False


class _Thread(threading.local):
    """Whether this thread works on a strip, and whether its products are limited to one core."""

    has_strip = False
    is_limited = False


_thread = _Thread()


def _take_strips() -> None:
    _thread.has_strip = _thread.is_limited = True


def _run_all(results: Iterator[object]) -> None:
    for _ in results:
        pass


@cache
def _libraries(with_scipy: bool) -> ThreadpoolController:
    """Controller of the loaded libraries, one for each value of `with_scipy`: scipy has its own BLAS."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
