"""Rankings: how the proxies of one set are ordered for test embeddings.

`max` and `mnn` rank the proxies p of a test embedding x by a key; a smaller key is nearer:

    key(x, p) = offset(p) * length(x) - scale(p) * <x, column(p)>

with `length` = |x| or 1. A `Ranking` holds these parts for one NORMpost, NORMinf and distance. NORMinf = l2
scales a whole row and NORMpost = l2 a whole column, so one matrix product serves all of them, and many
configurations rank the proxies alike. A distance that no product gives, such as Manhattan, is computed directly
in place of the product.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from imprint.method.operands import ProxyColumns, Queries
from imprint.method.strips import FEW_ROWS, EachStrip, strips

# products of rows and columns from which threads for the rows are worth starting
MANY_PRODUCTS = 2**23


@dataclass(frozen=True, eq=False)
class DirectDistance:
    """A distance that no matrix product gives, computed in its place.

    Attributes
    ----------
    fill : callable
        `fill(x, proxies, out)` writes minus the distances of x (n, D) to proxies (q, D) into out (n, q).
    alone : bool, default=True
        Whether only one thread may call it at a time.
    """

    fill: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    alone: bool = True


def strips_of(
    direct: DirectDistance | None, n: int, columns: int, at_once: int
) -> AbstractContextManager[EachStrip]:
    """`strips` of n rows for their products with many columns, or for the distances that replace the products."""
    if direct is None:
        return strips(n, at_once, many=max(2 * FEW_ROWS, MANY_PRODUCTS // columns))
    return strips(n, at_once, alone=direct.alone)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The parts of the key (see the module). Rankings with equal `identity` order the proxies alike.

    Attributes
    ----------
    columns : ProxyColumns
        Columns of the product.
    scale : ndarray of shape (P,)
        Factors of the products.
    offset : ndarray of shape (P,) or None
        Offsets of the key.
    times_length : bool
        Whether the offset is multiplied by the length of the embedding.
    measure : callable or None
        `measure(rows, neighbours, products)` returns the distances (n, m) of the rows to their neighbours (n, m), or (1, m)
        for all rows, from their products (n, m); None if proxies are ranked by a similarity that is not a distance.
    queries : Queries or None
        The embeddings from which the distance is computed, if no product gives it.
    direct : DirectDistance or None
        The distance itself, if no product gives it.
    shared : callable or None
        `shared(rows)` returns the part (n, 1) of the similarities that is the same for all proxies, float64. Products leave it
        out if float32 could not hold their differences beside it; otherwise None.
    """

    columns: ProxyColumns
    scale: np.ndarray
    offset: np.ndarray | None = None
    times_length: bool = False
    measure: Callable[[slice, np.ndarray, np.ndarray], np.ndarray] | None = None
    queries: Queries | None = None
    direct: DirectDistance | None = None
    shared: Callable[[slice], np.ndarray] | None = None

    @cached_property
    def offsets(self) -> np.ndarray:
        """(P,) offsets of the key, zeros where it has none."""
        return np.zeros(len(self.scale), np.float32) if self.offset is None else self.offset

    def multiplied(self, queries: Queries) -> np.ndarray:
        """(n, D) embeddings that are multiplied by the columns."""
        return queries.x if self.queries is None else self.queries.values

    def factors(self, lengths: np.ndarray) -> np.ndarray:
        """(n,) factors of the offsets for embeddings with these lengths."""
        # a zero embedding has no direction, but it has distances
        factors = np.where(self.times_length & (lengths > 0), lengths, 1)
        return factors.astype(np.float32)

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        """Key of the order of the proxies."""
        offset = None if self.offset is None else self.offset.tobytes()
        return (
            self.columns,
            self.queries,
            self.direct,
            self.scale.tobytes(),
            offset,
            self.times_length,
        )
