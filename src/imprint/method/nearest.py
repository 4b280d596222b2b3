"""The nearest proxies of every test embedding, for many rankings at once, in blocks of bounded memory.

Proxies of many sets lie side by side in one product; each ranking then picks its nearest from its own columns. The
product is numpy's and the picking a compiled loop; `nearest_on_device` is the same with torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from imprint.method.distances import Block, Columns, Queries, Ranking

# columns of one product: enough for the speed of the matrix product, few enough for the cache
BLOCK = 4096


@dataclass(eq=False)
class Search:
    """A ranking, and how many neighbours are asked of it at most."""

    ranking: Ranking
    most: int = 1

    def __post_init__(self) -> None:
        if self.most < 1:  # the compiled loops check no bounds
            raise ValueError(f"a search for {self.most} neighbours")


@dataclass
class Matrix:
    """Proxies as the columns of one product, and the searches that it serves."""

    columns: Columns
    searches: list[Search] = field(default_factory=list)


@dataclass
class Pack:
    """Matrices that are multiplied with the same queries; `queries` and `block` as in `Ranking`."""

    queries: Queries | None
    block: Block | None
    matrices: list[Matrix] = field(default_factory=list)
    bytes: int = 0

    @property
    def searches(self) -> list[Search]:
        """The searches of all matrices."""
        return [search for matrix in self.matrices for search in matrix.searches]


class Run(NamedTuple):
    """Columns first..last of a matrix within one product."""

    matrix: Matrix
    first: int
    last: int


def nearest(
    x: np.ndarray,
    lengths: np.ndarray,
    searches: Iterable[Search],
    memory: int,
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """Find the nearest proxies of every row.

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Queries, float32.
    lengths : ndarray of shape (n,)
        Their lengths.
    searches : iterable of Search
        What is searched for.
    memory : int
        Bytes for products and neighbours.

    Yields
    ------
    search, neighbours, products
        The numbers (n, most) of the nearest proxies of each row, nearest first, and their products.
    """
    lengths = np.where(lengths > 0, lengths, 1)  # a zero embedding has no direction, but distances
    for pack in packs(searches, len(x), memory // 2):
        yield from _on_cpu(x, lengths, pack, memory // 2)


def packs(searches: Iterable[Search], n: int, memory: int) -> Iterator[Pack]:
    """Matrices of proxies, together as far as their rankings' neighbours (12 bytes each) fit in memory."""
    matrices: dict[tuple[Columns, Queries | None, Block | None], Matrix] = {}
    for search in searches:
        ranking = search.ranking
        name = (ranking.columns, ranking.queries, ranking.block)
        matrices.setdefault(name, Matrix(ranking.columns)).searches.append(search)
    packs: dict[tuple[Queries | None, Block | None], Pack] = {}
    for (_, queries, block), matrix in matrices.items():
        need = sum(12 * n * search.most for search in matrix.searches)
        pack = packs.setdefault((queries, block), Pack(queries, block))
        if pack.matrices and pack.bytes + need > memory:
            yield pack
            pack = packs[queries, block] = Pack(queries, block)
        pack.matrices.append(matrix)
        pack.bytes += need
    yield from packs.values()


def products_of(pack: Pack) -> Iterator[list[Run]]:
    """Runs of columns that make one product of at most BLOCK columns."""
    runs: list[Run] = []
    free = BLOCK
    for matrix in pack.matrices:
        first = 0
        while first < len(matrix.columns):
            last = min(len(matrix.columns), first + free)
            runs.append(Run(matrix, first, last))
            free -= last - first
            first = last
            if free == 0:
                yield runs
                runs, free = [], BLOCK
    if runs:
        yield runs


def side_by_side(runs: list[Run]) -> np.ndarray:
    """The columns of runs as one matrix."""
    columns = [run.matrix.columns.values[run.first : run.last] for run in runs]
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def block_height(n: int, columns: int, memory: int) -> int:
    """Rows of one block of products: few enough for the memory (bytes) and the cache."""
    return max(1, min(n, memory // (4 * columns), 2**22 // columns))


def _on_cpu(
    x: np.ndarray, lengths: np.ndarray, pack: Pack, memory: int
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    from imprint.method.kernels import select

    n = len(x)
    ones, lengths = np.ones(n, np.float32), lengths.astype(np.float32)
    x = x if pack.queries is None else pack.queries.values
    offsets, best = {}, {}
    for search in pack.searches:
        shape, ranking = (n, search.most), search.ranking
        offsets[search] = (
            np.zeros(len(ranking.scale), np.float32) if ranking.offset is None else ranking.offset
        )
        best[search] = (
            np.full(shape, np.inf, np.float32),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float32),
        )
    for runs in products_of(pack):
        columns = side_by_side(runs)
        height = block_height(n, len(columns), memory)
        buffer = np.empty((height, len(columns)), np.float32)
        for top in range(0, n, height):
            rows = slice(top, min(top + height, n))
            products = buffer[: rows.stop - top]
            if pack.block is None:
                np.matmul(x[rows], columns.T, out=products)
            else:
                pack.block.fill(x[rows], columns, products)
            start = 0
            for matrix, first, last in runs:
                end = start + last - first
                for search in matrix.searches:
                    ranking = search.ranking
                    times = (lengths if ranking.times_length else ones)[rows]
                    keys, neighbours, values = (array[rows] for array in best[search])
                    select(
                        products, start, end, first, times, ranking.scale, offsets[search],
                        keys, neighbours, values,
                    )  # fmt: skip
                start = end
    for search in pack.searches:
        _, neighbours, values = best.pop(search)
        yield search, neighbours, values
