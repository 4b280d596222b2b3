"""The nearest proxies of every test embedding, for many rankings at once, in blocks of bounded memory.

Proxies of many sets are side by side in one product; each ranking then selects the nearest from its own columns. numpy
computes the product, and a compiled loop selects while it is in the cache. `nearest_on_device` does the same with torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from imprint.method.operands import ProxyColumns, Queries
from imprint.method.rankings import DirectDistance, Ranking, strips_of

# columns of one product: enough for a fast matrix product, few enough for the cache of a core
BLOCK_COLUMNS = 1024


@dataclass(eq=False)
class Search:
    """A ranking, and the largest number of neighbours needed from it."""

    ranking: Ranking
    most: int = 1

    def __post_init__(self) -> None:
        if self.most < 1:  # the compiled loops do not check bounds
            raise ValueError(f"a search needs at least 1 neighbour, not {self.most}")


@dataclass
class Pack:
    """Searches by the columns of their product, all with the same queries; `queries` and `direct` as in `Ranking`."""

    queries: Queries | None
    direct: DirectDistance | None
    by_columns: dict[ProxyColumns, list[Search]] = field(default_factory=dict)
    bytes: int = 0

    @property
    def searches(self) -> list[Search]:
        """All searches."""
        return [search for searches in self.by_columns.values() for search in searches]


class ColumnRange(NamedTuple):
    """Columns within one product: those from number `first` on of a proxy set, and the searches that use them."""

    values: np.ndarray
    first: int
    searches: list[Search]


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
        The rankings, and how many neighbours each needs.
    memory : int
        Bytes for products and neighbours.

    Yields
    ------
    search, neighbours, products
        Each search, the numbers (n, most) of the nearest proxies of each row, nearest first, and their products.
    """
    for pack in packs(searches, len(x), memory // 2):
        yield from _on_cpu(x, lengths, pack, memory // 2)


def packs(searches: Iterable[Search], n: int, memory: int) -> Iterator[Pack]:
    """Group searches so that the neighbours of their rankings (12 bytes each) fit in memory."""
    groups: dict[tuple[ProxyColumns, Queries | None, DirectDistance | None], list[Search]] = {}
    for search in searches:
        ranking = search.ranking
        key = (ranking.columns, ranking.queries, ranking.direct)
        groups.setdefault(key, []).append(search)
    packs: dict[tuple[Queries | None, DirectDistance | None], Pack] = {}
    for (columns, queries, direct), group in groups.items():
        need = sum(12 * n * search.most for search in group)
        pack = packs.setdefault((queries, direct), Pack(queries, direct))
        if pack.by_columns and pack.bytes + need > memory:
            yield pack
            pack = packs[queries, direct] = Pack(queries, direct)
        pack.by_columns[columns] = group
        pack.bytes += need
    yield from packs.values()


def products_of(pack: Pack) -> Iterator[list[ColumnRange]]:
    """The ranges of columns of each product of at most BLOCK_COLUMNS columns."""
    ranges: list[ColumnRange] = []
    free = BLOCK_COLUMNS
    for columns, searches in pack.by_columns.items():
        first = 0
        while first < len(columns):
            values = columns.values[first : first + free]
            ranges.append(ColumnRange(values, first, searches))
            free -= len(values)
            first += len(values)
            if free == 0:
                yield ranges
                ranges, free = [], BLOCK_COLUMNS
    if ranges:
        yield ranges


def side_by_side(ranges: list[ColumnRange]) -> np.ndarray:
    """The columns of some ranges as one matrix."""
    return ranges[0].values if len(ranges) == 1 else np.concatenate([r.values for r in ranges])


def _on_cpu(
    x: np.ndarray, lengths: np.ndarray, pack: Pack, memory: int
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    from imprint.method.kernels import select

    x = x if pack.queries is None else pack.queries.values
    factors = {search: search.ranking.factors(lengths) for search in pack.searches}
    best = {search: _no_neighbours((len(x), search.most)) for search in pack.searches}

    def merge(rows: slice, ranges: list[ColumnRange], columns: np.ndarray) -> None:
        products = _products(pack.direct, x[rows], columns)
        start = 0
        for values, first, searches in ranges:
            end = start + len(values)
            for search in searches:
                ranking = search.ranking
                row_arrays = [array[rows] for array in (factors[search], *best[search])]
                key = (ranking.scale, ranking.offsets)
                select(products, start, end, first, *key, *row_arrays)
            start = end

    columns = sum(map(len, pack.by_columns))
    with strips_of(pack.direct, len(x), columns, memory // (4 * BLOCK_COLUMNS)) as each:
        for ranges in products_of(pack):
            each(partial(merge, ranges=ranges, columns=side_by_side(ranges)))
    for search in pack.searches:
        _, neighbours, values = best.pop(search)
        yield search, neighbours, values


def nearest_of_classes(
    ranking: Ranking, queries: Queries, rows: slice, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The number of the nearest proxy of each class, and its product, both (n, classes), for some rows of the queries.

    labels: (P,) classes of the proxies, in [0, classes).
    """
    from imprint.method.kernels import select_by_class

    x = ranking.multiplied(queries)[rows]
    factors = ranking.factors(queries.lengths[rows])
    best = _no_neighbours((classes, len(x)))
    for first, columns in _blocks(ranking):
        # a row for each proxy, so that the loop runs over embeddings
        if ranking.direct is None:
            products = columns @ x.T
        else:
            products = np.ascontiguousarray(_products(ranking.direct, x, columns).T)
        select_by_class(products, first, labels, ranking.scale, ranking.offsets, factors, *best)
    _, neighbours, values = best
    return neighbours.T, values.T


def products_of_all(
    ranking: Ranking, queries: Queries, rows: slice
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers (1, P) of all proxies, and their products (n, P) with some rows of the queries."""
    x = ranking.multiplied(queries)[rows]
    if ranking.direct is None:
        products = x @ ranking.columns.values.T
    else:
        blocks = [_products(ranking.direct, x, columns) for _, columns in _blocks(ranking)]
        products = np.concatenate(blocks, axis=1)
    return np.arange(len(ranking.columns))[None], products


def _blocks(ranking: Ranking) -> Iterator[tuple[int, np.ndarray]]:
    """The first number and the columns of each product."""
    for first in range(0, len(ranking.columns), BLOCK_COLUMNS):
        yield first, ranking.columns.values[first : first + BLOCK_COLUMNS]


def _products(direct: DirectDistance | None, x: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Products (n, P) of x (n, D) and columns (P, D), or the values of `direct` instead."""
    if direct is None:
        return x @ columns.T
    filled = np.empty((len(x), len(columns)), np.float32)
    direct.fill(x, columns, filled)
    return filled


def _no_neighbours(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys, numbers and products of neighbours before any is found."""
    keys = np.full(shape, np.inf, np.float32)
    return keys, np.zeros(shape, np.int32), np.zeros(shape, np.float32)
