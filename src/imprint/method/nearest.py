"""The nearest proxies of every test embedding, for many rankings at once, in blocks of bounded memory.

Proxies of many sets lie side by side in one product; each ranking then picks its nearest from its own columns. On
the CPU the product is numpy's and the picking a compiled loop; elsewhere both are torch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imprint.method.distances import Block, Columns, Queries, Ranking

if TYPE_CHECKING:
    import torch

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
class _Matrix:
    """Proxies as the columns of one product, and the searches that it serves."""

    columns: Columns
    searches: list[Search] = field(default_factory=list)


@dataclass
class _Pack:
    """Matrices that are multiplied with the same queries; `queries` and `block` as in `Ranking`."""

    queries: Queries | None
    block: Block | None
    matrices: list[_Matrix] = field(default_factory=list)
    bytes: int = 0

    @property
    def searches(self) -> list[Search]:
        return [search for matrix in self.matrices for search in matrix.searches]


class _Run(NamedTuple):
    """Columns first..last of a matrix within one product."""

    matrix: _Matrix
    first: int
    last: int


def nearest(
    x: np.ndarray,
    lengths: np.ndarray,
    searches: Iterable[Search],
    memory: int,
    device: str = "cpu",
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
    device : str, default="cpu"
        "cpu", or a device of torch.

    Yields
    ------
    search, neighbours, products
        The numbers (n, most) of the nearest proxies of each row, nearest first, and their products.
    """
    lengths = np.where(lengths > 0, lengths, 1)  # a zero embedding has no direction, but distances
    for pack in _packs(searches, len(x), memory // 2):
        if device == "cpu":
            yield from _on_cpu(x, lengths, pack, memory // 2)
        else:
            yield from _with_torch(x, lengths, pack, memory // 2, device)


def _packs(searches: Iterable[Search], n: int, memory: int) -> Iterator[_Pack]:
    """Matrices of proxies, together as far as their rankings' neighbours (12 bytes each) fit in memory."""
    matrices: dict[tuple[Columns, Queries | None, Block | None], _Matrix] = {}
    for search in searches:
        ranking = search.ranking
        name = (ranking.columns, ranking.queries, ranking.block)
        matrices.setdefault(name, _Matrix(ranking.columns)).searches.append(search)
    packs: dict[tuple[Queries | None, Block | None], _Pack] = {}
    for (_, queries, block), matrix in matrices.items():
        need = sum(12 * n * search.most for search in matrix.searches)
        pack = packs.setdefault((queries, block), _Pack(queries, block))
        if pack.matrices and pack.bytes + need > memory:
            yield pack
            pack = packs[queries, block] = _Pack(queries, block)
        pack.matrices.append(matrix)
        pack.bytes += need
    yield from packs.values()


def _products(pack: _Pack) -> Iterator[list[_Run]]:
    """Runs of columns that make one product of at most BLOCK columns."""
    runs: list[_Run] = []
    free = BLOCK
    for matrix in pack.matrices:
        first = 0
        while first < len(matrix.columns):
            last = min(len(matrix.columns), first + free)
            runs.append(_Run(matrix, first, last))
            free -= last - first
            first = last
            if free == 0:
                yield runs
                runs, free = [], BLOCK
    if runs:
        yield runs


def _side_by_side(runs: list[_Run]) -> np.ndarray:
    columns = [run.matrix.columns.values[run.first : run.last] for run in runs]
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def _on_cpu(
    x: np.ndarray, lengths: np.ndarray, pack: _Pack, memory: int
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
    for runs in _products(pack):
        columns = _side_by_side(runs)
        height = max(1, min(n, memory // (4 * len(columns)), 2**22 // len(columns)))
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


def _with_torch(
    x: np.ndarray, lengths: np.ndarray, pack: _Pack, memory: int, device: str
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """As `_on_cpu`. Proxies whose keys are equal may come in another order, and products round otherwise."""
    import torch

    def upload(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device)

    n = len(x)
    x = x if pack.queries is None else pack.queries.values
    queries = upload(x)
    size = upload(lengths)[:, None]
    scales, offsets, best = {}, {}, {}
    for search in pack.searches:
        shape, ranking = (n, search.most), search.ranking
        scales[search] = upload(ranking.scale)
        offsets[search] = None if ranking.offset is None else upload(ranking.offset)
        best[search] = [
            torch.full(shape, torch.inf, device=device),
            torch.zeros(shape, dtype=torch.long, device=device),
            torch.zeros(shape, device=device),
        ]
    for runs in _products(pack):
        columns = _side_by_side(runs)
        on_device = upload(columns)
        height = max(1, min(n, memory // (12 * len(columns))))
        for top in range(0, n, height):
            rows = slice(top, min(top + height, n))
            if pack.block is None:
                products = queries[rows] @ on_device.T
            elif pack.block.on_device:
                products = pack.block.on_device(queries[rows], on_device)
            else:
                distances = np.empty((rows.stop - top, len(columns)), np.float32)
                pack.block.fill(np.ascontiguousarray(x[rows]), columns, distances)
                products = upload(distances)
            start = 0
            for matrix, first, last in runs:
                of_matrix = products[:, start : start + last - first]
                start += last - first
                for search in matrix.searches:
                    keys = -scales[search][first:last] * of_matrix
                    offset = offsets[search]
                    if offset is not None:
                        keys += offset[first:last] * (
                            size[rows] if search.ranking.times_length else 1
                        )
                    smallest, at = keys.topk(min(search.most, last - first), largest=False)
                    new = (smallest, at + first, of_matrix.gather(1, at))
                    merged = [
                        torch.cat([old[rows], more], dim=1)
                        for old, more in zip(best[search], new, strict=True)
                    ]
                    order = merged[0].argsort(dim=1, stable=True)[:, : search.most]
                    for old, more in zip(best[search], merged, strict=True):
                        old[rows] = more.gather(1, order)
    for search in pack.searches:
        _, neighbours, values = best.pop(search)
        yield search, neighbours.to(torch.int32).cpu().numpy(), values.cpu().numpy()
