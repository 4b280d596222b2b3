"""NORMs of proxies that map their values, rank by rank, to the quantiles of a reference distribution."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from imprint.errors import UserError
from imprint.method.normalize.registry import proxy_normalization

ROWS = 256  # rows sorted at a time


def to_quantiles(proxies: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Replace the values of each row of proxies (p, d), rank by rank, by the d quantiles (i + 0.5) / d of `reference`.

    Ranks do not change; equal values keep the order of their positions.
    """
    return _by_rank(proxies, np.quantile(reference, _levels(proxies.shape[1])))


def _levels(d: int) -> np.ndarray:
    return (np.arange(d) + 0.5) / d


def _by_rank(proxies: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Replace the values of each row of proxies (p, d), rank by rank, by the ascending `values` (d,)."""
    out = np.empty_like(proxies)
    values = values.astype(proxies.dtype)[None, :]
    for top in range(0, len(proxies), ROWS):
        rows = slice(top, top + ROWS)
        np.put_along_axis(out[rows], _ascending(proxies[rows]), values, axis=1)
    return out


def _ascending(rows: np.ndarray) -> np.ndarray:
    """`np.argsort(rows, axis=1, kind="stable")`, ten times faster for float32: numpy sorts integers by vector instructions."""
    if rows.dtype != np.float32:
        return np.argsort(rows, axis=1, kind="stable")
    bits = (rows + np.float32(0)).view(np.int32)  # adding 0 makes -0 equal to 0
    # integers in the order of the values
    bits = np.where(bits < 0, ~bits ^ np.int32(-(2**31)), bits)
    keys = bits.astype(np.int64) << 32
    keys |= np.arange(rows.shape[1])
    keys.sort(axis=1)
    return keys & (2**32 - 1)


class _Counted:
    """Distinct values with their counts: all proxies of a mapped class have the same values."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.counts = np.unique(values, return_counts=True)

    def add(self, values: np.ndarray, times: int) -> None:
        """Add ascending values, each `times` times."""
        counts = np.concatenate([self.counts, np.full(len(values), times)])
        values = np.concatenate([self.values, values])
        order = np.argsort(values, kind="stable")  # merges two ascending runs
        self.values, self.counts = values[order], counts[order]

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """The same results as numpy's `quantile`, to the bit."""
        ends = np.cumsum(self.counts)
        positions = levels * (ends[-1] - 1)
        below = np.floor(positions).astype(np.int64)
        share = positions - below
        low, high = (
            self.values[np.searchsorted(ends, np.minimum(rank, ends[-1] - 1), side="right")]
            for rank in (below, below + 1)
        )
        step = high - low
        return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def _after_classes(before: np.ndarray, proxies: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Map the proxies (q, d) of new classes, each class to the values of all classes before it."""
    out = np.empty_like(proxies)
    if not len(out):
        return out
    reference, levels = _Counted(before), _levels(proxies.shape[1])
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    for start, end in pairwise([*starts, len(out)]):
        out[start:end] = _by_rank(proxies[start:end], reference.quantiles(levels))
        reference.add(np.sort(out[start]), end - start)
    return out


@proxy_normalization(
    "quantile",
    reference="proxies of the classes before, after their own mapping, in class order; "
    "the first class stays",
    appends=_after_classes,
)
def quantile(
    proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Quantile normalisation against the classes imprinted before, in class order.

    The first class stays as it is; each later one is mapped to the values of all classes before it, after
    their own mapping. The result therefore depends on the order of the classes. After Hosoda et al. 2024.
    """
    first = int(np.searchsorted(labels, labels[0], side="right"))
    later = _after_classes(proxies[:first], proxies[first:], labels[first:])
    return np.concatenate([proxies[:first], later])


@proxy_normalization("quantile_pooled", reference="all proxies of the task")
def quantile_pooled(
    proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Quantile normalisation against the values of all proxies: class order does not matter."""
    return to_quantiles(proxies, proxies)


@proxy_normalization(
    "quantile_fm", reference="weights of the FM's own classifier", needs_fm_classifier=True
)
def quantile_fm(
    proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Quantile normalisation against the weights of the FM's own classifier (Hosoda et al. 2024)."""
    if fm_classifier is None:
        raise UserError(
            "NORMpost quantile_fm needs the weights of the FM's own classifier, and this FM has none; "
            "use quantile_pooled, whose reference is the proxies themselves"
        )
    return to_quantiles(proxies, fm_classifier)
