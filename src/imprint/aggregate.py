"""AGG: how a test embedding is scored against the proxies.

`max` takes the class of the best proxy, `mnn` lets the m nearest proxies vote. Both rank the proxies p of a test
embedding x by a key, smaller is nearer, that comes from one matrix product:

    key(x, p) = offset(p) * length(x) - scale(p) * <x, column(p)>

with `length` = |x| or 1. A `Ranking` holds these parts for one NORMpost, NORMinf and distance. NORMinf scales
a whole row and NORMpost = l2 a whole column, so one product serves them all, and many of them rank alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

AGGREGATIONS = ("max", "mnn")
WEIGHTINGS = ("uniform", "distance")
TINY = 1e-10  # added to a distance before its inverse becomes a weight


@dataclass(frozen=True)
class Proxies:
    """Proxies of one set after NORMpost: `columns` (P, D) times `scale` (P,).

    NORMpost = l2 is kept as a scale, so that the columns, and every product with them, are shared with `none`.
    """

    columns: np.ndarray
    scale: np.ndarray

    @cached_property
    def squares(self) -> np.ndarray:
        """(P,) squared lengths of the proxies."""
        return np.einsum("pd,pd->p", self.columns, self.columns) * self.scale**2

    @cached_property
    def values(self) -> np.ndarray:
        """(P, D) the proxies themselves."""
        return self.columns if (self.scale == 1).all() else self.columns * self.scale[:, None]

    @cached_property
    def whitened(self) -> Whitened:
        """The proxies as Mahalanobis distances need them."""
        from scipy.linalg import cholesky, solve_triangular

        # float64 in blocks of rows: whitening magnifies rounding, and a whole copy would be twice the proxies
        blocks = np.array_split(np.arange(len(self.columns)), self.columns.size // 2**23 + 1)
        mean = sum(self._rows(rows).sum(axis=0) for rows in blocks) / len(self.columns)
        covariance = np.zeros((len(mean), len(mean)))
        for rows in blocks:
            centred = self._rows(rows) - mean
            covariance += centred.T @ centred
        covariance /= max(len(self.columns) - 1, 1)
        covariance[np.diag_indices_from(covariance)] += 1e-6
        factor = cholesky(covariance, lower=True, overwrite_a=True)
        squares, shift = np.empty(len(self.columns)), np.empty(len(self.columns))
        columns = np.empty_like(self.columns)
        for rows in blocks:
            white = solve_triangular(factor, (self._rows(rows) - mean).T, lower=True, overwrite_b=True)
            squares[rows] = (white**2).sum(axis=0)
            white = solve_triangular(factor, white, lower=True, trans="T", overwrite_b=True)
            shift[rows] = mean @ white
            columns[rows] = white.T
        return Whitened(columns, squares, shift, factor, mean)

    def _rows(self, rows: np.ndarray) -> np.ndarray:
        return self.columns[rows].astype(np.float64) * self.scale[rows, None]


@dataclass(frozen=True)
class Whitened:
    """Proxies p whitened with covariance L L^T about their mean.

    columns: (P, D) float32 (L L^T)^-1 (p - mean). squares: (P,) |L^-1 (p - mean)|^2. shift: (P,) <mean, column>.
    factor: (D, D) L.
    """

    columns: np.ndarray
    squares: np.ndarray
    shift: np.ndarray
    factor: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class Queries:
    """Test embeddings x (n, D) with their lengths (n,), and whether NORMinf = l2 divides by them."""

    x: np.ndarray
    lengths: np.ndarray
    l2: bool

    @cached_property
    def scale(self) -> np.ndarray:
        """(n,) what NORMinf multiplies a row with."""
        return (
            1 / np.where(self.lengths > 0, self.lengths, 1) if self.l2 else np.ones_like(self.lengths)
        ).astype(np.float32)

    @cached_property
    def values(self) -> np.ndarray:
        """(n, D) the embeddings after NORMinf."""
        return self.x * self.scale[:, None] if self.l2 else self.x


@dataclass(frozen=True)
class Ranking:
    """The parts of the key (see the module), and what tells two rankings apart: equal `identity`, equal order.

    Where no inner product gives the distance, `queries` are the embeddings to take it of directly: then a
    "product" is minus the Manhattan distance to a column.
    measure(rows, neighbours, products): distances (n, m) of the rows' neighbours (n, m) whose products with the
    columns are known; None where proxies are ranked by a similarity that is no distance.
    """

    columns: np.ndarray
    scale: np.ndarray
    offset: np.ndarray | None
    times_length: bool
    measure: Callable[[slice, np.ndarray, np.ndarray], np.ndarray] | None
    queries: np.ndarray | None = None

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        offset = None if self.offset is None else self.offset.tobytes()
        return id(self.columns), id(self.queries), self.scale.tobytes(), offset, self.times_length


DISTANCES: dict[str, Callable[[Proxies, Queries], Ranking]] = {}


def distance(name: str) -> Callable[[Callable[..., Ranking]], Callable[..., Ranking]]:
    """Register a distance: a function of `Proxies` and `Queries` that returns their `Ranking`."""

    def register(function: Callable[..., Ranking]) -> Callable[..., Ranking]:
        DISTANCES[name] = function
        return function

    return register


@distance("inner_product")
def inner_product(proxies: Proxies, queries: Queries) -> Ranking:
    """The largest <p, x> is nearest. It is no distance, so votes cannot be weighted by it."""
    return Ranking(proxies.columns, proxies.scale, None, False, None)


@distance("cosine")
def cosine(proxies: Proxies, queries: Queries) -> Ranking:
    """1 - <p, x> / (|p| |x|); 1 where either is zero."""
    lengths = np.linalg.norm(proxies.columns, axis=1)
    scale = (1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    inverse = 1 / np.where(queries.lengths > 0, queries.lengths, 1)

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        similar = products * scale[neighbours] * inverse[rows, None]

        def directly(x: np.ndarray, p: np.ndarray) -> np.ndarray:
            x, p = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (x, p))
            return ((x - p) ** 2).sum(axis=1) / 2

        distances = 1 - similar
        _replace(distances, distances < 1e-2, rows, neighbours, directly, queries.x, proxies.columns)
        return np.maximum(distances, 0)

    return Ranking(proxies.columns, scale, None, False, measure)


FAR = 100  # times their mean squared distance to it that the squared length of the proxies' mean may be


@distance("euclidean")
def euclidean(proxies: Proxies, queries: Queries) -> Ranking:
    """|x - p|, from |x|^2 + |p|^2 - 2 <x, p>; about the mean of the proxies where that has most of their length.

    What all proxies share says nothing of which is near, but would take the digits of float32 that do.
    """
    squares = proxies.squares
    mean = (proxies.scale @ proxies.columns).astype(np.float64) / len(proxies.columns)
    if mean @ mean > FAR * (squares.mean() - mean @ mean):
        return _about(mean, proxies, queries)

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        row_scale = queries.scale[rows]
        both = (queries.lengths[rows] * row_scale)[:, None] ** 2 + squares[neighbours]
        squared = both - 2 * products * proxies.scale[neighbours] * row_scale[:, None]

        def directly(x: np.ndarray, p: np.ndarray) -> np.ndarray:
            return ((x - p) ** 2).sum(axis=1)

        _replace(squared, squared < 1e-2 * both, rows, neighbours, directly, queries.values, proxies.values)
        return np.sqrt(np.maximum(squared, 0))

    if np.allclose(squares, squares[0], rtol=1e-6, atol=0):
        return Ranking(
            proxies.columns, proxies.scale, None, False, measure
        )  # of one length: nearest = largest product
    return Ranking(proxies.columns, proxies.scale, (squares / 2).astype(np.float32), queries.l2, measure)


def _about(mean: np.ndarray, proxies: Proxies, queries: Queries) -> Ranking:
    """Euclidean from proxies less their mean (D,): <x - mean, p - mean> is <x, p - mean> less a part of the proxy."""
    centred = proxies.values - mean
    columns = centred.astype(np.float32)
    squares, shift = (centred**2).sum(axis=1), centred @ mean

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        own = ((queries.values[rows] - mean) ** 2).sum(axis=1)[:, None]
        scaled = products * queries.scale[rows, None] - shift[neighbours]
        squared = own + squares[neighbours] - 2 * scaled

        def directly(x: np.ndarray, p: np.ndarray) -> np.ndarray:
            return ((x - p) ** 2).sum(axis=1)

        both = own + squares[neighbours]
        _replace(squared, squared < 1e-2 * both, rows, neighbours, directly, queries.values, proxies.values)
        return np.sqrt(np.maximum(squared, 0))

    ones = np.ones(len(columns), np.float32)
    return Ranking(columns, ones, (squares / 2 + shift).astype(np.float32), queries.l2, measure)


def _replace(
    distances: np.ndarray,
    near: np.ndarray,
    rows: slice,
    neighbours: np.ndarray,
    directly: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    p: np.ndarray,
) -> None:
    """Compute directly, in float64, what is so near that the difference of large numbers has lost its digits."""
    i, j = np.nonzero(near)
    for part in np.array_split(np.arange(len(i)), len(i) // 20_000 + 1):
        own, other = x[rows][i[part]].astype(np.float64), p[neighbours[i[part], j[part]]].astype(np.float64)
        distances[i[part], j[part]] = directly(own, other)


@distance("mahalanobis")
def mahalanobis(proxies: Proxies, queries: Queries) -> Ranking:
    """Euclidean after whitening with the Cholesky factor of the proxies' covariance + 1e-6 I (Mahalanobis 1936).

    Distances do not change when both sides are centred on the mean of the proxies. Off the span of the centred
    proxies, where whitening multiplies by a thousand, they are then zero: what all proxies share there cannot
    drown what tells them apart.
    """
    from scipy.linalg import solve_triangular

    white = proxies.whitened

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        own = solve_triangular(
            white.factor, (queries.values[rows] - white.mean).T, lower=True, overwrite_b=True
        )
        scaled = products * queries.scale[rows, None] - white.shift[neighbours]
        squared = (own**2).sum(axis=0)[:, None] + white.squares[neighbours] - 2 * scaled
        return np.sqrt(np.maximum(squared, 0))

    ones = np.ones(len(white.columns), np.float32)
    offset = (white.squares / 2 + white.shift).astype(np.float32)
    return Ranking(white.columns, ones, offset, queries.l2, measure)


@distance("manhattan")
def manhattan(proxies: Proxies, queries: Queries) -> Ranking:
    """Sum of absolute differences. No product gives it: it costs as many subtractions as that multiplications."""
    ones = np.ones(len(proxies.values), np.float32)

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        return -products

    return Ranking(proxies.values, ones, None, False, measure, queries.values)
