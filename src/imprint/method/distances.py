"""Distances between test embeddings and proxies, each as a function that returns the `Ranking` of the proxies of a set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method import costs
from imprint.method.large_arrays import fault, for_user
from imprint.method.operands import Proxies, ProxyColumns, Queries
from imprint.method.rankings import DirectDistance, Ranking
from imprint.registry import Component, Registry

NEAR = 1e-2  # relative distance below which float32 has lost too many digits


@dataclass(frozen=True)
class LinearForm:
    """A linear layer of the proxies that orders the classes as a distance does.

    Attributes
    ----------
    unit_length : bool
        Whether proxies and embeddings are divided by their lengths.
    squares : bool
        Whether half the squared length of each proxy is subtracted, which gives the order of the distance.
    """

    unit_length: bool = False
    squares: bool = False


Rank = Callable[[Proxies, Queries], Ranking]


@dataclass(frozen=True)
class Distance(Component):
    """A registered distance; see also `Component`.

    Attributes
    ----------
    rank : callable
        Function of `Proxies` and `Queries` that returns their `Ranking`.
    weighs_votes : bool
        Whether votes can be weighted by it; False for a similarity.
    shares_product : bool
        True if it follows from the product of embeddings and proxies that configurations share; False: it needs another.
    from_product : bool
        True if it follows from any matrix product of embeddings and proxies; all NORMinf that only scale then share that.
    linear : LinearForm or None
        The linear layer that orders the classes alike; a head needs it for its torch module.
    similarity : callable
        Converts distances to similarities, larger is nearer, as in `decision_function`; takes `out`, as functions of numpy do.
    precision : type
        Type of the similarities: float64 if all share a large part, beside which float32 could not separate them.
    operations : callable
        Cost of one ranking, from n embeddings, p proxies and d, see `imprint.method.costs`.
    """

    rank: Rank
    weighs_votes: bool = True
    shares_product: bool = True
    from_product: bool = True
    linear: LinearForm | None = None
    similarity: Callable[..., np.ndarray] = np.negative
    precision: type[np.floating[Any]] = np.float32
    operations: Callable[[int, int, int], float] = costs.product

    @property
    def definition(self) -> Any:
        """The function that was registered."""
        return self.rank


DISTANCES: Registry[Distance] = Registry("distance")


def distance(
    name: str,
) -> Callable[[Callable[[np.ndarray, np.ndarray], np.ndarray]], Callable[..., np.ndarray]]:
    """Register a function of embeddings (n, D) and proxies (P, D) that gives distances (n, P).

    It is called with copies of blocks of embeddings and proxies, one call at a time. Most distances of the library are faster:
    they use products that many configurations share.

    Examples
    --------
    >>> @distance("largest_difference")
    ... def largest_difference(x, proxies):
    ...     return np.abs(x[:, None] - proxies[None]).max(axis=2)
    >>> DISTANCES.find("largest_difference").shares_product
    False
    >>> DISTANCES.remove("largest_difference")
    """

    def entry(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Distance:
        def fill(x: np.ndarray, proxies: np.ndarray, out: np.ndarray) -> None:
            entry = DISTANCES[name]
            distances = entry.call(
                lambda *of: np.asarray(function(*of)), for_user(x), for_user(proxies)
            )
            if wrong := fault(distances, out.shape):
                raise UserError(
                    f"distance '{name}' returned {wrong} for {len(x)} embeddings and {len(proxies)} proxies; it must return "
                    f"real numbers of shape {out.shape}"
                )
            out[:] = distances  # unsigned integers and truth values cannot be negated
            np.negative(out, out=out)

        direct = DirectDistance(fill)

        @wraps(function)  # so that the entry is known as a user's, by its module
        def rank(proxies: Proxies, queries: Queries) -> Ranking:
            return _directly(proxies, queries, direct)

        return Distance(
            name, rank, shares_product=False, from_product=False, operations=costs.subtractions
        )

    return DISTANCES.adding(name, entry)


def _built_in(name: str, **properties: Any) -> Callable[[Rank], Rank]:
    return DISTANCES.adding(name, lambda rank: Distance(name, rank, **properties))


def _directly(proxies: Proxies, queries: Queries, direct: DirectDistance) -> Ranking:
    """A ranking by distances that are computed directly; its "products" are the negated distances."""

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        return -products

    ones = np.ones(len(proxies.values), np.float32)
    columns = (
        proxies.columns
        if proxies.values is proxies.columns.values
        else ProxyColumns(proxies.values)
    )
    return Ranking(columns, ones, measure=measure, queries=queries, direct=direct)


@_built_in("inner_product", weighs_votes=False, linear=LinearForm())
def inner_product(proxies: Proxies, queries: Queries) -> Ranking:
    """The proxy with the largest <p, x>, plus its bias if any, is nearest. It is not a distance and cannot weight votes."""
    offset = None if proxies.bias is None else (-proxies.bias).astype(np.float32)
    times_length = queries.l2 and offset is not None
    if proxies.are_close:
        close = proxies.about_mean()
        ones, shared = np.ones(len(close.columns), np.float32), close.shared(queries)
        return Ranking(
            close.columns,
            ones,
            offset=offset,
            times_length=times_length,
            shared=shared,
        )
    return Ranking(proxies.columns, proxies.scale, offset=offset, times_length=times_length)


@_built_in("cosine", linear=LinearForm(unit_length=True), similarity=partial(np.subtract, 1))
def cosine(proxies: Proxies, queries: Queries) -> Ranking:
    """1 - <p, x> / (|p| |x|); 1 where either is zero."""
    lengths = np.linalg.norm(proxies.columns.values, axis=1)
    scale = (1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    inverse = 1 / np.where(queries.lengths > 0, queries.lengths, 1)

    def exact(x: np.ndarray, p: np.ndarray) -> np.ndarray:
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        p = p / np.linalg.norm(p, axis=1, keepdims=True)
        return ((x - p) ** 2).sum(axis=1) / 2

    columns, shared = proxies.columns, None
    if proxies.are_close:
        close = proxies.about_mean(unit_length=True)
        columns, scale = close.columns, np.ones_like(scale)
        shared = close.shared(Queries(queries.x, queries.lengths, l2=True))

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        distances = products * scale[neighbours]
        distances *= inverse[rows, None]
        if shared is not None:
            distances = distances + shared(rows)
        np.subtract(1, distances, out=distances)
        near = distances < NEAR
        _replace(distances, near, rows, neighbours, exact, queries.x, proxies.columns.values)
        return np.maximum(distances, 0, out=distances)

    return Ranking(columns, scale, measure=measure, shared=shared)


@_built_in("euclidean", linear=LinearForm(squares=True))
def euclidean(proxies: Proxies, queries: Queries) -> Ranking:
    """|x - p|, from |x|^2 + |p|^2 - 2 <x, p>; relative to the mean of the proxies if that accounts for most of their length.

    A large offset that all proxies share does not change their order, but would use up the digits of float32.
    """
    squares = proxies.squares
    if proxies.far_mean is not None:
        return _euclidean_about(proxies.far_mean, proxies, queries)

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        row_scale = queries.scale[rows]
        sum_of_squares = (queries.lengths[rows] * row_scale)[:, None] ** 2 + squares[neighbours]
        squared = products * proxies.scale[neighbours]
        squared *= 2 * row_scale[:, None]
        np.subtract(sum_of_squares, squared, out=squared)
        return _euclidean_root(squared, sum_of_squares, rows, neighbours, proxies, queries)

    if np.allclose(squares, squares[0], rtol=1e-6, atol=0):
        # proxies of equal length: the largest product is nearest
        return Ranking(proxies.columns, proxies.scale, measure=measure)
    offset = (squares / 2).astype(np.float32)
    return Ranking(
        proxies.columns, proxies.scale, offset=offset, times_length=queries.l2, measure=measure
    )


def _euclidean_about(mean: np.ndarray, proxies: Proxies, queries: Queries) -> Ranking:
    """Euclidean distance to proxies minus their mean (D,): <x - mean, p - mean> = <x, p - mean> - <mean, p - mean>."""
    centred = proxies.values - mean
    columns = centred.astype(np.float32)
    squares, shift = (centred**2).sum(axis=1), centred @ mean

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        query_squares = ((queries.values[rows] - mean) ** 2).sum(axis=1)[:, None]
        sum_of_squares = query_squares + squares[neighbours]
        squared = sum_of_squares - 2 * (products * queries.scale[rows, None] - shift[neighbours])
        return _euclidean_root(squared, sum_of_squares, rows, neighbours, proxies, queries)

    ones = np.ones(len(columns), np.float32)
    offset = (squares / 2 + shift).astype(np.float32)
    return Ranking(
        ProxyColumns(columns), ones, offset=offset, times_length=queries.l2, measure=measure
    )


def _euclidean_root(
    squared: np.ndarray,
    sum_of_squares: np.ndarray,
    rows: slice,
    neighbours: np.ndarray,
    proxies: Proxies,
    queries: Queries,
) -> np.ndarray:
    """Square roots of squared distances (n, m); those far below `sum_of_squares` are computed again directly."""

    def exact(x: np.ndarray, p: np.ndarray) -> np.ndarray:
        return ((x - p) ** 2).sum(axis=1)

    near = squared < NEAR * sum_of_squares
    _replace(squared, near, rows, neighbours, exact, queries.values, proxies.values)
    np.maximum(squared, 0, out=squared)
    return np.sqrt(squared, out=squared)


def _replace(
    distances: np.ndarray,
    near: np.ndarray,
    rows: slice,
    neighbours: np.ndarray,
    exact: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    p: np.ndarray,
) -> None:
    """Compute the `near` distances again in float64: as differences of large numbers they have lost their digits."""
    if not near.any():  # quick, where a search for the indices takes as long as a product
        return
    i, j = np.nonzero(near)
    neighbours = np.broadcast_to(neighbours, near.shape)
    for chosen in np.array_split(np.arange(len(i)), len(i) // 20_000 + 1):
        chosen_x = x[rows][i[chosen]].astype(np.float64)
        chosen_p = p[neighbours[i[chosen], j[chosen]]].astype(np.float64)
        distances[i[chosen], j[chosen]] = exact(chosen_x, chosen_p)


@_built_in("mahalanobis", shares_product=False, precision=np.float64, operations=costs.whitening)
def mahalanobis(proxies: Proxies, queries: Queries) -> Ranking:
    """Euclidean distance after whitening with the Cholesky factor of the proxies' covariance + 1e-6 I (Mahalanobis 1936).

    Embeddings and proxies are centred on the mean of the proxies, which does not change distances. Outside the span of
    the centred proxies, where whitening multiplies by a thousand, the centred proxies are zero: a large offset that all
    proxies share cannot hide the differences between them.
    """
    white = proxies.whitened
    proxy_squares = white.squares + 2 * white.shift

    def exact(x: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.sqrt(white.squares_of(x - p + white.mean, precise=True))

    def measure(rows: slice, neighbours: np.ndarray, products: np.ndarray) -> np.ndarray:
        from imprint.method.kernels import distances_of_products

        # |L^-1 (x - p)|^2 for centred x and p
        distances, lost = distances_of_products(
            products,
            factors=2 * queries.scale[rows],
            terms=proxy_squares[neighbours],
            row_squares=white.squares_of(queries.values[rows]),
            squares=white.squares[neighbours],
            near=NEAR,
        )
        if lost:
            _replace(
                distances, distances < 0, rows, neighbours, exact, queries.values, proxies.values
            )
        return distances

    ones = np.ones(len(white.columns), np.float32)
    offset = (proxy_squares / 2).astype(np.float32)
    return Ranking(white.columns, ones, offset=offset, times_length=queries.l2, measure=measure)


def _fill_manhattan(x: np.ndarray, proxies: np.ndarray, out: np.ndarray) -> None:
    from imprint.method.kernels import manhattan

    manhattan(x, proxies, out)


MANHATTAN = DirectDistance(_fill_manhattan, alone=False)


@_built_in("manhattan", shares_product=False, from_product=False, operations=costs.subtractions)
def manhattan(proxies: Proxies, queries: Queries) -> Ranking:
    """Sum of absolute differences. No product gives it: it needs a subtraction in place of each multiplication."""
    return _directly(proxies, queries, MANHATTAN)
