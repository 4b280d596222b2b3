"""The operands of matrix products: proxies as columns, and test embeddings as rows, with the factors that scale them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from imprint.method.blas import multiply_lower
from imprint.method.large_arrays import slices
from imprint.method.strips import in_order, one_core, strips

if TYPE_CHECKING:
    from numpy.typing import NDArray


# Proxies are centred if the squared length of their mean is more than so many times the mean squared distance to it
FAR = 100  # for distances, which need their digits
CLOSE = 1e4  # for products, which need only their order
PROBED = 16  # proxies that tell whether all lie close together
CENTRED = 1024  # proxies centred at a time, so that they stay in the cache
ROUNDED = 1e-10  # share of the squared length of a whitened embedding that may come from rounding it to float32


def some_of(count: int) -> slice:
    """At most PROBED rows, evenly spread over `count`, that tell whether all vectors lie close together."""
    return slice(None, None, -(-count // PROBED))


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
class ProxyColumns:
    """The proxies (P, D) of a matrix product. Rankings that use the same object share one product."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class AboutMean:
    """Proxies minus their mean (D,), where float32 would lose the differences between their products."""

    columns: ProxyColumns
    mean: np.ndarray

    def shared(self, queries: Queries) -> Callable[[slice], np.ndarray]:
        """A function of rows that gives the products (n, 1) of these queries with the mean, float64."""

        def products(rows: slice) -> np.ndarray:
            dots = queries.x[rows].astype(np.float64) @ self.mean
            if queries.l2:
                dots *= 1 / np.where(queries.lengths[rows] > 0, queries.lengths[rows], 1)
            return dots[:, None]

        return products


@dataclass(frozen=True, eq=False)
class Proxies:
    """Proxies of one set after NORMpost: `columns` (P, D) times `scale` (P,).

    NORMpost = l2 is kept as a scale, so that the columns, and every product with them, are shared with `none`. `bias`
    (P,), if there is one, is added to the inner products.
    """

    columns: ProxyColumns
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
        """(D,) mean of the proxies, if it is so far from 0 that distances would lose digits to it; else None."""
        mean, close = self._mean_and_closeness
        return mean if close > FAR else None

    @property
    def are_close(self) -> bool:
        """Whether the proxies lie so close together that products with them would lose their order."""
        return self._mean_and_closeness[1] > CLOSE

    def about_mean(self, unit_length: bool = False) -> AboutMean:
        """The proxies, or these divided by their lengths, minus their mean."""

        def values(rows: slice) -> np.ndarray:
            block = self._centred(rows, 0)
            lengths = np.linalg.norm(block, axis=1, keepdims=True)
            divide = lengths > 0
            if not unit_length:
                # Lengths this close to 1 differ from it by rounding errors, which are as large as the differences between
                # products with close proxies
                divide &= np.abs(lengths - 1) < 1e-6
            return block / np.where(divide, lengths, 1)

        count = len(self.columns)
        blocks = slices(count, CENTRED)
        mean = np.sum([values(rows).sum(axis=0) for rows in blocks], axis=0) / count
        columns = np.empty(self.columns.values.shape, np.float32)
        for rows in blocks:
            columns[rows] = values(rows) - mean
        return AboutMean(ProxyColumns(columns), mean)

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
        blocks = slices(count, CENTRED)
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
        return Whitened(ProxyColumns(columns), squares, shift, inverse, mean)

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

    columns: ProxyColumns
    squares: np.ndarray
    shift: np.ndarray
    inverse: np.ndarray
    mean: np.ndarray

    @cached_property
    def inverse_in_float32(self) -> np.ndarray:
        """(D, D) L^-1, float32."""
        return self.inverse.astype(np.float32)

    @cached_property
    def least_growth(self) -> float:
        """Ratio of squared lengths after and before whitening, below which rounding adds more than `ROUNDED`.

        An embedding close to the span of fewer proxies than dimensions grows little, but its rounding errors leave the span,
        where they grow a thousandfold.
        """
        growth_of_errors = float(np.einsum("de,de->", self.inverse, self.inverse)) / len(self.mean)
        return growth_of_errors * float(np.finfo(np.float32).eps) ** 2 / ROUNDED

    def squares_of(self, x: np.ndarray, precise: bool = False) -> np.ndarray:
        """(n,) |L^-1 (x - mean)|^2 of embeddings x (n, D), float64; `precise` computes no step in float32.

        Beside float32 products with the proxies, whose errors are as large, float32 is enough, at half the time, except for
        embeddings that grow by less than `least_growth`.
        """
        squares = np.empty(len(x))

        def fill(rows: slice) -> None:
            centred = x[rows] - self.mean
            if precise:
                squares[rows] = _whitened_squares(self.inverse, centred)
                return
            single = centred.astype(np.float32)
            rounded = _whitened_squares(self.inverse_in_float32, single)
            lengths = np.einsum("nd,nd->n", centred, centred)
            lost = rounded < self.least_growth * lengths
            if lost.any():
                rounded[lost] = _whitened_squares(self.inverse, centred[lost])
            squares[rows] = rounded

        with one_core(), strips(len(x)) as each:
            each(fill)
        return squares


def _whitened_squares(inverse: np.ndarray, centred: np.ndarray) -> np.ndarray:
    """(n,) squared lengths of rows (n, D), float64, after whitening them in place with a matrix of their type."""
    multiply_lower(inverse, centred, transposed=False)
    white = centred.astype(np.float64, copy=False)  # squares of whitened values can be large
    return np.einsum("nd,nd->n", white, white)


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
