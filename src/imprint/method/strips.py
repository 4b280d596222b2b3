"""Strips of rows, shared out among threads: each thread multiplies and compares its own rows on one core."""

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

HEIGHT = 512  # rows of a strip: its products with a block of proxies stay in the cache of a core
FEW = 64  # rows that are not worth a thread
LIMITED = threading.Lock()  # the number of BLAS threads belongs to the process

T = TypeVar("T")
EachStrip = Callable[[Callable[[slice], object]], None]


@contextmanager
def strips(n: int, at_once: int | None = None, *, alone: bool = False) -> Iterator[EachStrip]:
    """Share out rows among as many threads as compiled loops may use.

    A product that BLAS shares out itself waits for its threads at each block, and then the loops wait for theirs.

    Parameters
    ----------
    n : int
        Number of rows.
    at_once : int, optional
        Rows that fit in memory, of the strips of all threads.
    alone : bool, default=False
        Whether one thread takes all strips.

    Yields
    ------
    callable
        Calls a function with every strip of the rows, in any order and at once.

    Examples
    --------
    >>> counts = []
    >>> with strips(1000) as each:
    ...     each(lambda rows: counts.append(rows.stop - rows.start))
    >>> sum(counts)
    1000
    """
    threads = 1
    if n >= 2 * FEW and not alone:
        threads = min(_threads(), n // FEW)
    height = HEIGHT if at_once is None else max(1, min(HEIGHT, at_once // threads))
    rounds = -(-n // (threads * height))
    count = min(n, threads * rounds)
    rows = [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
    if threads == 1:
        yield lambda function: _all(map(function, rows))
        return
    with one_core(), ThreadPoolExecutor(threads, initializer=_take_strips) as pool:
        yield lambda function: _all(pool.map(function, rows))


def in_order(function: Callable[[slice], T], parts: Sequence[slice]) -> Iterator[T]:
    """The results of a function for some parts, in their order, as many computed at once as there are threads for strips.

    What is summed in order has the same digits on any number of cores.

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
        for first in range(0, len(parts), threads):  # no more results at once than threads
            yield from pool.map(function, parts[first : first + threads])


def _threads() -> int:
    """Threads that may work on strips."""
    if _thread.has_strip:
        return 1
    import numba

    return int(numba.get_num_threads())


@contextmanager
def one_core() -> Iterator[None]:
    """Keep the products of each thread to one core: small ones wait longer for other cores than they take."""
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
    """Whether this thread works on a strip, and whether its products keep to one core."""

    has_strip = False
    is_limited = False


_thread = _Thread()


def _take_strips() -> None:
    _thread.has_strip = _thread.is_limited = True


def _all(results: Iterator[object]) -> None:
    for _ in results:
        pass


@cache
def _libraries(with_scipy: bool) -> ThreadpoolController:
    """The libraries that are loaded; scipy brings a BLAS of its own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
