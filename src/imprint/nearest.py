"""The nearest proxies of every test embedding, for many rankings at once, in blocks of bounded memory.

Proxies of many sets lie side by side in one product; each ranking then picks its nearest from its own columns. On
the CPU the product is numpy's and the picking a compiled loop; elsewhere both are torch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imprint.aggregate import Ranking

BLOCK = (
    4096  # columns of one product: enough for the speed of the matrix product, little enough for the cache
)


@dataclass
class Search:
    """A ranking, and how many neighbours are asked of it at most."""

    ranking: Ranking
    most: int = 1

    def __post_init__(self) -> None:
        if self.most < 1:  # the compiled loops check no bounds
            raise ValueError(f"a search for {self.most} neighbours")


@dataclass
class _Matrix:
    """Proxies as the columns of one product, and the searches that it serves; `queries` as in `Ranking`."""

    columns: np.ndarray
    queries: np.ndarray | None
    searches: list[Search] = field(default_factory=list)


def nearest(
    x: np.ndarray, lengths: np.ndarray, searches: Iterable[Search], memory: int, device: str = "cpu"
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """Each search with the numbers of its `most` nearest proxies for every row (n, most), and their products.

    x: (n, D) float32 queries, lengths: (n,) theirs. memory: bytes for products and neighbours. device: of torch.
    """
    lengths = np.where(lengths > 0, lengths, 1)  # a zero embedding has no direction, but distances
    for pack in _packs(searches, len(x), memory // 2):
        if device == "cpu":
            yield from _on_cpu(x, lengths, pack, memory // 2)
        else:
            yield from _with_torch(x, lengths, pack, memory // 2, device)


def _packs(searches: Iterable[Search], n: int, memory: int) -> Iterator[list[_Matrix]]:
    """Matrices of proxies, together as far as their rankings' neighbours (12 bytes each) fit in memory.

    All matrices of a pack are multiplied with the same queries.
    """
    matrices: dict[tuple[int, int], _Matrix] = {}
    for search in searches:
        ranking = search.ranking
        name = (id(ranking.columns), id(ranking.queries))
        matrices.setdefault(name, _Matrix(ranking.columns, ranking.queries)).searches.append(search)
    packs: dict[int, tuple[list[_Matrix], int]] = {}
    for matrix in matrices.values():
        need = sum(12 * n * search.most for search in matrix.searches)
        pack, used = packs.get(id(matrix.queries), ([], 0))
        if pack and used + need > memory:
            yield pack
            pack, used = [], 0
        pack.append(matrix)
        packs[id(matrix.queries)] = pack, used + need
    yield from (pack for pack, _ in packs.values())


def _blocks(pack: list[_Matrix]) -> Iterator[list[tuple[_Matrix, int, int]]]:
    """Runs of columns (matrix, first, last) that make one product of at most BLOCK columns."""
    block: list[tuple[_Matrix, int, int]] = []
    free = BLOCK
    for matrix in pack:
        first = 0
        while first < len(matrix.columns):
            last = min(len(matrix.columns), first + free)
            block.append((matrix, first, last))
            free -= last - first
            first = last
            if free == 0:
                yield block
                block, free = [], BLOCK
    if block:
        yield block


def _side_by_side(block: list[tuple[_Matrix, int, int]]) -> np.ndarray:
    columns = [matrix.columns[first:last] for matrix, first, last in block]
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def _on_cpu(
    x: np.ndarray, lengths: np.ndarray, pack: list[_Matrix], memory: int
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    from imprint.kernels import manhattan, select

    n = len(x)
    ones, lengths = np.ones(n, np.float32), lengths.astype(np.float32)
    queries = pack[0].queries
    searches = [search for matrix in pack for search in matrix.searches]
    state: dict[int, Any] = {}
    for search in searches:
        shape, ranking = (n, search.most), search.ranking
        found = (np.full(shape, np.inf, np.float32), np.zeros(shape, np.int32), np.zeros(shape, np.float32))
        offset = np.zeros(len(ranking.scale), np.float32) if ranking.offset is None else ranking.offset
        state[id(search)] = (lengths if ranking.times_length else ones, ranking.scale, offset, found)
    for block in _blocks(pack):
        columns = _side_by_side(block)
        rows = max(1, min(n, memory // (4 * len(columns)), 2**22 // len(columns)))
        products = np.empty((rows, len(columns)), np.float32)
        for top in range(0, n, rows):
            part = slice(top, min(top + rows, n))
            own = products[: part.stop - top]
            if queries is None:
                np.matmul(x[part], columns.T, out=own)
            else:
                manhattan(queries[part], columns, own)
            start = 0
            for matrix, first, last in block:
                end = start + last - first
                for search in matrix.searches:
                    times, scale, offset, found = state[id(search)]
                    select(
                        own, start, end, first, times[part], scale, offset, *(array[part] for array in found)
                    )
                start = end
    for search in searches:
        _, neighbours, values = state.pop(id(search))[-1]
        yield search, neighbours, values


def _with_torch(
    x: np.ndarray, lengths: np.ndarray, pack: list[_Matrix], memory: int, device: str
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """As `_on_cpu`. Proxies whose keys are equal may come in another order, and products round otherwise."""
    import torch

    def there(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device)

    n = len(x)
    queries = there(x if pack[0].queries is None else pack[0].queries)
    size = there(lengths)[:, None]
    searches = [search for matrix in pack for search in matrix.searches]
    state: dict[int, Any] = {}
    for search in searches:
        ranking, shape = search.ranking, (n, search.most)
        found = [
            torch.full(shape, torch.inf, device=device),
            torch.zeros(shape, dtype=torch.long, device=device),
        ]
        found.append(torch.zeros(shape, device=device))
        state[id(search)] = (
            there(ranking.scale),
            None if ranking.offset is None else there(ranking.offset),
            found,
        )
    for block in _blocks(pack):
        columns = there(_side_by_side(block))
        rows = max(1, min(n, memory // (12 * len(columns))))
        for top in range(0, n, rows):
            part = slice(top, min(top + rows, n))
            if pack[0].queries is None:
                products = queries[part] @ columns.T
            else:
                products = -torch.cdist(queries[part], columns, p=1)
            start = 0
            for matrix, first, last in block:
                own = products[:, start : start + last - first]
                start += last - first
                for search in matrix.searches:
                    scale, offset, found = state[id(search)]
                    keys = -scale[first:last] * own
                    if offset is not None:
                        keys += offset[first:last] * (size[part] if search.ranking.times_length else 1)
                    best, at = keys.topk(min(search.most, last - first), largest=False)
                    new = (best, at + first, own.gather(1, at))
                    merged = [
                        torch.cat([old[part], more], dim=1) for old, more in zip(found, new, strict=True)
                    ]
                    order = merged[0].argsort(dim=1, stable=True)[:, : search.most]
                    for old, more in zip(found, merged, strict=True):
                        old[part] = more.gather(1, order)
    for search in searches:
        _, neighbours, values = state.pop(id(search))[-1]
        yield search, neighbours.to(torch.int32).cpu().numpy(), values.cpu().numpy()
