"""Rankings: how the proxies of one set are ordered for test embeddings.

`max` and `mnn` rank the proxies p of a test embedding x by a key; a smaller key is nearer:

    key(x, p) = offset(p) * length(x) - scale(p) * <x, column(p)>

with `length` = |x| or 1. A `Ranking` holds these parts for one NORMpost, NORMinf and distance. NORMinf = l2
scales a whole row and NORMpost = l2 a whole column, so one matrix product serves all of them, and many
configurations rank the proxies alike. For a distance that no product gives, such as Manhattan, a block of
distances replaces the product.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.method.blas import multiply_lower
from imprint.method.strips import FEW_ROWS, EachStrip, in_order, one_core, strips

if TYPE_CHECKING:
    from numpy.typing import NDArray


# products of rows and columns from which threads for the rows are worth starting
MANY_PRODUCTS = 2**23
# squared length of a mean over the mean squared distance to it, from which distances and products are computed about it: the
# digits of distances are needed, of products only the order
FAR, CLOSE = 100, 1e4
SOME = 16  # proxies that tell whether all lie close together
CENTRED = 1024  # proxies centred at a time, so that they stay in the cache


def some_of(count: int) -> slice:
    """Rows that tell whether all of this number lie close together."""
    return slice(None, None, -(-count // SOME))


def closeness(values: np.ndarray) -> float:
    """Squared length of the mean of vectors (n, d) over their mean squared distance to it."""
    mean = values.mean(axis=0, dtype=np.float64)
    square = float(mean @ mean)
    centred = values - mean
    spread = float(np.einsum("nd,nd->", centred, centred)) / len(values)
    if not spread:
        return np.inf if square else 0.0
    return square / spread


@dataclass(frozen=True, eq=False)
class Block:
    """Replacement for the matrix product, for distances that no product gives.

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
    block: Block | None, n: int, columns: int, at_once: int
) -> AbstractContextManager[EachStrip]:
    """`strips` of n rows for their products with many columns, or for what replaces the products."""
    if block is None:
        return strips(n, at_once, many=max(2 * FEW_ROWS, MANY_PRODUCTS // columns))
    return strips(n, at_once, alone=block.alone)


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns (P, D) of a matrix product. Users of the same object share one product."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class AboutMean:
    """Proxies minus their mean (D,), for products of which float32 would not hold the differences."""

    columns: Columns
    mean: np.ndarray

    def shared(self, queries: Queries) -> Callable[[slice], np.ndarray]:
        """A function of rows that gives the products (n, 1) of these queries with the mean, float64."""

        def products(rows: slice) -> np.ndarray:
            x = queries.x[rows].astype(np.float64)
            scale = 1 / np.where(queries.lengths[rows] > 0, queries.lengths[rows], 1)
            return ((x @ self.mean) * (scale if queries.l2 else 1))[:, None]

        return products


@dataclass(frozen=True, eq=False)
class Proxies:
    """Proxies of one set after NORMpost: `columns` (P, D) times `scale` (P,).

    NORMpost = l2 is kept as a scale, so that the columns, and every product with them, are shared with `none`. `bias`
    (P,), if there is one, is added to the inner products.
    """

    columns: Columns
    scale: np.ndarray
    bias: np.ndarray | None = None

    @cached_property
    def squares(self) -> np.ndarray:
        """(P,) squared lengths of the proxies."""
        columns = self.columns.values
        return np.einsum("pd,pd->p", columns, columns) * self.scale**2

    @cached_property
    def _mean_and_closeness(self) -> tuple[np.ndarray, float]:
        """The mean (D,) and the `closeness` of the proxies; of some of them if these do not lie close together."""
        values = self._centred(some_of(len(self.columns)), 0)
        mean, close = values.mean(axis=0), closeness(values)
        if close > FAR and len(values) < len(self.columns):
            mean = (self.scale @ self.columns.values).astype(np.float64) / len(self.columns)
            square = float(mean @ mean)
            spread = float(self.squares.mean(dtype=np.float64)) - square
            close = square / spread if spread > 0 else close
        return mean, close

    @property
    def far_mean(self) -> np.ndarray | None:
        """(D,) mean of the proxies if it accounts for most of their length, so that it uses up digits of distances; else None."""
        mean, close = self._mean_and_closeness
        return mean if close > FAR else None

    @property
    def are_close(self) -> bool:
        """Whether what the proxies share would use up the digits of products with them."""
        return self._mean_and_closeness[1] > CLOSE

    def about_mean(self, unit_length: bool = False) -> AboutMean:
        """The proxies, or these divided by their lengths, minus their mean."""

        def values(rows: slice) -> np.ndarray:
            block = self._centred(rows, 0)
            lengths = np.linalg.norm(block, axis=1, keepdims=True)
            # lengths that rounding to float32 has changed, which differ as much as products with close proxies
            change = unit_length | (np.abs(lengths - 1) < 1e-6)
            return block / np.where(change & (lengths > 0), lengths, 1)

        count = len(self.columns)
        blocks = [slice(top, top + CENTRED) for top in range(0, count, CENTRED)]
        mean = np.sum([values(rows).sum(axis=0) for rows in blocks], axis=0) / count
        columns = np.empty(self.columns.values.shape, np.float32)
        for rows in blocks:
            columns[rows] = values(rows) - mean
        return AboutMean(Columns(columns), mean)

    @cached_property
    def values(self) -> np.ndarray:
        """(P, D) the proxies themselves."""
        if (self.scale == 1).all():
            return self.columns.values
        return self.columns.values * self.scale[:, None]

    @cached_property
    def whitened(self) -> Whitened:
        """The whitened proxies, for Mahalanobis distances."""
        import scipy.linalg.lapack  # noqa: F401 (before `one_core`, which then limits its BLAS too)

        with one_core():
            return self._whitened()

    def _whitened(self) -> Whitened:
        from scipy.linalg import cholesky
        from scipy.linalg.lapack import dtrtri

        # in float64, because whitening magnifies rounding errors; in blocks, because a full copy would be twice the size of
        # the proxies
        count, d = self.columns.values.shape
        blocks = [slice(top, top + CENTRED) for top in range(0, count, CENTRED)]
        mean = np.zeros(d)
        for rows in blocks:
            mean += self._centred(rows, 0).sum(axis=0)
        mean /= count
        covariance = np.zeros((d, d))

        def scatter(rows: slice) -> np.ndarray:
            centred = self._centred(rows, mean)
            return centred.T @ centred

        for product in in_order(scatter, blocks):
            covariance += product
        covariance /= max(count - 1, 1)
        diagonal = np.diag_indices_from(covariance)
        # for large embeddings 1e-6 is smaller than rounding errors, and the matrix would have no factor
        covariance[diagonal] += max(1e-6, 1e-12 * covariance[diagonal].max())
        # products with the inverse take less than half as long as solutions with the factor
        inverse, _ = dtrtri(cholesky(covariance, lower=True, overwrite_a=True), lower=1)
        inverse = np.ascontiguousarray(inverse)
        squares, shift = np.empty(count), np.empty(count)
        columns = np.empty_like(self.columns.values)

        def whiten(rows: slice) -> None:
            white = self._centred(rows, mean)
            multiply_lower(inverse, white, transposed=False)
            squares[rows] = np.einsum("pd,pd->p", white, white)
            multiply_lower(inverse, white, transposed=True)
            shift[rows] = white @ mean
            columns[rows] = white

        with strips(count) as each:
            each(whiten)
        return Whitened(Columns(columns), squares, shift, inverse, mean)

    def _centred(self, rows: slice, mean: np.ndarray | float) -> NDArray[np.float64]:
        """Some proxies minus the mean, in float64."""
        centred = self.columns.values[rows].astype(np.float64)
        centred *= self.scale[rows, None]
        centred -= mean
        return centred


@dataclass(frozen=True)
class Whitened:
    """Proxies p whitened with covariance L L^T about their mean.

    columns: (P, D) float32 (L L^T)^-1 (p - mean). squares: (P,) |L^-1 (p - mean)|^2. shift: (P,) <mean, column>.
    inverse: (D, D) L^-1. mean: (D,).
    """

    columns: Columns
    squares: np.ndarray
    shift: np.ndarray
    inverse: np.ndarray
    mean: np.ndarray

    def squares_of(self, x: np.ndarray) -> np.ndarray:
        """(n,) |L^-1 (x - mean)|^2 of embeddings x (n, D)."""
        squares = np.empty(len(x))

        def fill(rows: slice) -> None:
            white = x[rows] - self.mean
            multiply_lower(self.inverse, white, transposed=False)
            squares[rows] = np.einsum("nd,nd->n", white, white)

        with one_core(), strips(len(x)) as each:
            each(fill)
        return squares


@dataclass(frozen=True, eq=False)
class Queries:
    """Test embeddings x (n, D), their lengths (n,), and whether NORMinf = l2 divides by the lengths."""

    x: np.ndarray
    lengths: np.ndarray
    l2: bool = False

    @cached_property
    def scale(self) -> np.ndarray:
        """(n,) factors by which NORMinf scales the rows."""
        if not self.l2:
            return np.ones(len(self.lengths), np.float32)
        return (1 / np.where(self.lengths > 0, self.lengths, 1)).astype(np.float32)

    @cached_property
    def values(self) -> np.ndarray:
        """(n, D) the embeddings after NORMinf."""
        return self.x * self.scale[:, None] if self.l2 else self.x


@dataclass(frozen=True, eq=False)
class Ranking:
    """The parts of the key (see the module). Rankings with equal `identity` order the proxies alike.

    Attributes
    ----------
    columns : Columns
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
    block : Block or None
        Replacement for the matrix product, if no product gives the distance.
    shared : callable or None
        `shared(rows)` returns the part (n, 1) of the similarities that is the same for all proxies, float64, if products leave
        it out because float32 would not hold the rest beside it.
    """

    columns: Columns
    scale: np.ndarray
    offset: np.ndarray | None
    times_length: bool
    measure: Callable[[slice, np.ndarray, np.ndarray], np.ndarray] | None
    queries: Queries | None = None
    block: Block | None = None
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
            self.block,
            self.scale.tobytes(),
            offset,
            self.times_length,
        )
