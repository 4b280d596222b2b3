"""NORMs of proxies that map their values, rank by rank, to the quantiles of a reference distribution."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from imprint.errors import UserError
from imprint.method.normalize.registry import proxy_normalization

ROWS = 256  # that are sorted at a time


def to_quantiles(proxies: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Each row of proxies (p, d) gets the d quantiles (i + 0.5) / d of `reference`, rank by rank.

    Ranks stay as they were; equal values keep the order of their positions.
    """
    return _by_rank(proxies, np.quantile(reference, _levels(proxies.shape[1])))


def _levels(d: int) -> np.ndarray:
    return (np.arange(d) + 0.5) / d


def _by_rank(proxies: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rows of proxies (p, d) with the ascending values (d,) in the order of their own."""
    out = np.empty_like(proxies)
    values = values.astype(proxies.dtype)[None, :]
    for top in range(0, len(proxies), ROWS):
        rows = slice(top, top + ROWS)
        np.put_along_axis(out[rows], _ascending(proxies[rows]), values, axis=1)
    return out


def _ascending(rows: np.ndarray) -> np.ndarray:
    """As `np.argsort(rows, axis=1, kind="stable")`, of float32 ten times faster: numpy sorts whole numbers by vector instructions."""
    if rows.dtype != np.float32:
        return np.argsort(rows, axis=1, kind="stable")
    bits = (rows + np.float32(0)).view(np.int32)  # adding 0 makes -0 equal to 0
    bits = np.where(
        bits < 0, ~bits ^ np.int32(-(2**31)), bits
    )  # as whole numbers in the order of the values
    keys = bits.astype(np.int64) << 32
    keys |= np.arange(rows.shape[1])
    keys.sort(axis=1)
    return keys & (2**32 - 1)


class _Counted:
    """Values of which many are equal, each held once: all proxies of a class that was mapped have the same ones."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.counts = np.unique(values, return_counts=True)

    def add(self, values: np.ndarray, times: int) -> None:
        """Add ascending values, each so many times."""
        counts = np.concatenate([self.counts, np.full(len(values), times)])
        values = np.concatenate([self.values, values])
        order = np.argsort(values, kind="stable")  # merges two ascending runs
        self.values, self.counts = values[order], counts[order]

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """As numpy's `quantile` gives them, to the bit."""
        ends = np.cumsum(self.counts)
        places = levels * (ends[-1] - 1)
        below = np.floor(places).astype(np.int64)
        share = places - below
        low, high = (
            self.values[np.searchsorted(ends, np.minimum(rank, ends[-1] - 1), side="right")]
            for rank in (below, below + 1)
        )
        step = high - low
        return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def _after_classes(before: np.ndarray, proxies: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Proxies (q, d) of new classes, each class mapped to the values of all before it."""
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
    their own mapping. So the result depends on the order of the classes. After Hosoda et al. 2024.
    """
    first = int(np.searchsorted(labels, labels[0], side="right"))
    rest = _after_classes(proxies[:first], proxies[first:], labels[first:])
    return np.concatenate([proxies[:first], rest])


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
            "use quantile_pooled, whose reference are the proxies themselves"
        )
    return to_quantiles(proxies, fm_classifier)
