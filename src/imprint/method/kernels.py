"""Compiled loops of the grid engine: Manhattan distances, the m smallest keys of each row, the neighbours' votes."""

from __future__ import annotations

import numpy as np
from numba import njit

from imprint.method.strips import strips

MANY_VOTES = 2**20  # votes from which threads are worth starting
CHUNK = 64  # columns whose keys are compared at once with the m-th best so far
FASTMATH = {
    "nnan",
    "ninf",
    "nsz",
    "contract",
    "reassoc",
}  # keys are finite; their rounding may vary


@njit(nogil=True, fastmath=True, cache=True)
def manhattan(x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:  # pragma: no cover
    """Write minus the Manhattan distances of x (n, d) to p (q, d) into out (n, q); all float32.

    Four rows at once share each load of p; 64 rows of p stay in the cache for 32 rows of x.
    """
    n, d = x.shape
    for block in range((n + 31) // 32):
        last = min(n, 32 * block + 32)
        for tile in range(0, len(p), 64):
            stop = min(len(p), tile + 64)
            i = 32 * block
            while i + 4 <= last:
                for j in range(tile, stop):
                    a = b = c = e = np.float32(0)
                    for t in range(d):
                        v = p[j, t]
                        a += abs(x[i, t] - v)
                        b += abs(x[i + 1, t] - v)
                        c += abs(x[i + 2, t] - v)
                        e += abs(x[i + 3, t] - v)
                    out[i, j], out[i + 1, j], out[i + 2, j], out[i + 3, j] = -a, -b, -c, -e
                i += 4
            while i < last:
                for j in range(tile, stop):
                    a = np.float32(0)
                    for t in range(d):
                        a += abs(x[i, t] - p[j, t])
                    out[i, j] = -a
                i += 1


@njit(nogil=True, fastmath=FASTMATH, cache=True)
def _nearer(
    row: np.ndarray, scale: np.ndarray, offset: np.ndarray, length: float, worst: float
) -> np.int32:  # pragma: no cover
    """Count the keys below `worst`: a count compiles to vector instructions, a minimum does not."""
    count = np.int32(0)
    for j in range(len(row)):
        count += np.int32(length * offset[j] - scale[j] * row[j] < worst)
    return count


@njit(nogil=True, fastmath=FASTMATH, cache=True)
def select(
    products: np.ndarray,
    start: int,
    end: int,
    first: int,
    scale: np.ndarray,
    offset: np.ndarray,
    lengths: np.ndarray,
    keys: np.ndarray,
    neighbours: np.ndarray,
    values: np.ndarray,
) -> None:  # pragma: no cover
    """Merge columns start..end of `products` (n, P) into the m nearest of each row found so far, in place.

    Column j is proxy first + j - start of its set, with key lengths[row] * offset[proxy] - scale[proxy] * product.
    keys, neighbours, values: (n, m) float32, int32, float32, ascending by key; keys start at infinity. A tie goes
    to the proxy with the lower number, so columns must come in order. `values` keeps the products.
    """
    m = keys.shape[1]
    scale, offset = scale[first : first + end - start], offset[first : first + end - start]
    for i in range(products.shape[0]):
        row = products[i, start:end]
        length = lengths[i]
        worst = keys[i, m - 1]
        for chunk in range(0, end - start, CHUNK):
            stop = min(chunk + CHUNK, end - start)
            here = slice(chunk, stop)
            if not _nearer(row[here], scale[here], offset[here], length, worst):
                continue
            for j in range(chunk, stop):
                key = length * offset[j] - scale[j] * row[j]
                if key < worst:
                    at = min(m - 1, first + j)  # at most first + j proxies came before
                    while at > 0 and keys[i, at - 1] > key:
                        keys[i, at] = keys[i, at - 1]
                        neighbours[i, at] = neighbours[i, at - 1]
                        values[i, at] = values[i, at - 1]
                        at -= 1
                    keys[i, at] = key
                    neighbours[i, at] = first + j
                    values[i, at] = row[j]
                    worst = keys[i, m - 1]


def vote(labels: np.ndarray, weights: np.ndarray, classes: int, ms: np.ndarray) -> np.ndarray:
    """Class with the largest sum of weights among the first m neighbours, for each of the ascending `ms`.

    labels: (n, M) classes of the neighbours, nearest first. weights: (n, M) positive, or (1, M) for all rows.
    Returns (len(ms), n) int64. Ties go to the lowest class. Labels outside the classes raise a ValueError.
    """
    n, most = labels.shape
    result = np.zeros((len(ms), n), np.int64)
    wrong = []
    # no parallel loop of numba: its threads wait actively for the next one, on cores that the next product needs
    with strips(n, many=MANY_VOTES // max(1, most)) as each:
        each(
            lambda rows: wrong.append(
                _vote(labels, weights, classes, ms, rows.start, rows.stop, result)
            )
        )
    if sum(wrong):
        raise ValueError(f"{sum(wrong)} labels of neighbours are not among the {classes} classes")
    return result


@njit(nogil=True, cache=True)
def _vote(
    labels: np.ndarray,
    weights: np.ndarray,
    classes: int,
    ms: np.ndarray,
    first: int,
    last: int,
    result: np.ndarray,
) -> int:  # pragma: no cover
    """Write the winners of rows first..last into `result` (len(ms), n); the number of labels outside the classes."""
    wrong = 0
    shared = weights.shape[0] == 1
    for i in range(first, last):
        tally = np.zeros(classes)
        best = -1
        at = 0
        for j in range(labels.shape[1]):
            label = labels[i, j]
            if label < 0 or label >= classes:
                wrong += 1
                break
            tally[label] += weights[0, j] if shared else weights[i, j]
            if (
                best < 0
                or tally[label] > tally[best]
                or (tally[label] == tally[best] and label < best)
            ):
                best = label
            while at < len(ms) and ms[at] == j + 1:
                result[at, i] = best
                at += 1
    return wrong


@njit(nogil=True, fastmath=FASTMATH, cache=True)
def select_by_class(
    products: np.ndarray,
    first: int,
    labels: np.ndarray,
    scale: np.ndarray,
    offset: np.ndarray,
    lengths: np.ndarray,
    keys: np.ndarray,
    neighbours: np.ndarray,
    values: np.ndarray,
) -> None:  # pragma: no cover
    """Merge the products (P, n) of some proxies into the nearest of each class found so far, in place.

    Like `select`, but row j is proxy first + j, with class labels[first + j], and keys, neighbours and values are (C, n), so
    that the inner loop runs over embeddings, many at once.
    """
    for j in range(first, first + len(products)):
        label = labels[j]
        for i in range(products.shape[1]):
            value = products[j - first, i]
            key = lengths[i] * offset[j] - scale[j] * value
            if key < keys[label, i]:
                keys[label, i] = key
                neighbours[label, i] = j
                values[label, i] = value


def distances_of_products(
    products: np.ndarray,
    factors: np.ndarray,
    terms: np.ndarray,
    row_squares: np.ndarray,
    squares: np.ndarray,
    near: float,
) -> tuple[np.ndarray, int]:
    """Distances (n, m) from products (n, m): the roots of row_squares + terms - factors * products, float64.

    -1 where the squared distance is less than `near` times row_squares + squares, and has lost its digits; the second result
    counts these. factors, row_squares: (n,). terms, squares: (n, m), or (1, m) for all rows.
    """
    distances = np.empty(products.shape)
    products, terms, squares = map(np.ascontiguousarray, (products, terms, squares))
    factors = factors.astype(np.float64)
    lost = _roots(products, terms, squares, factors, row_squares, near, distances)
    return distances, lost


@njit(nogil=True, fastmath=FASTMATH, cache=True)
def _roots(
    products: np.ndarray,
    terms: np.ndarray,
    squares: np.ndarray,
    factors: np.ndarray,
    row_squares: np.ndarray,
    near: float,
    distances: np.ndarray,
) -> int:  # pragma: no cover
    lost = 0
    shared = len(terms) == 1
    for i in range(len(products)):
        of = 0 if shared else i
        row, row_terms, row_limits = products[i], terms[of], squares[of]
        factor, square = factors[i], row_squares[i]
        for j in range(len(row)):
            squared = square + row_terms[j] - factor * row[j]
            is_near = squared < near * (square + row_limits[j])
            distances[i, j] = -1.0 if is_near else np.sqrt(max(squared, 0.0))
            lost += is_near
    return lost
