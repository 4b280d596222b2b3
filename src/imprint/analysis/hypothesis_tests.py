"""Tests of paired values, each with its effect size, and the interval of the signed-rank test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05
LEVEL = 1 - ALPHA  # of intervals
EXACT_DIFFERENCES = 50  # most non-zero differences for an exact p of the signed-rank test
DIGITS = 12  # decimals to which accuracies are equal
TINY = 1e-10  # differences that differ by less are equal
INTERPOLATED = 7  # most values with interpolated interval ends, as the levels of the test are three points apart


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods rank alike: chi-square corrected for ties, and p.

    w: Kendall's coefficient of concordance, 0 (ranks at random) to 1 (the same order on every (FM, task)).
    """

    statistic: float
    p: float
    w: float


class SignedRank(NamedTuple):
    """Wilcoxon's signed-rank test: the smaller sum of ranks, two-sided p, and the effect size.

    effect: matched-pairs rank-biserial correlation, -1 (second always higher) to 1 (first always higher).
    """

    statistic: float
    p: float
    effect: float


def friedman(matrix: pd.DataFrame) -> Friedman | None:
    """Friedman's test of the columns; None with fewer than 3 columns or 2 rows. All tied: statistic 0, p 1, W 0."""
    if matrix.shape[1] < 3 or len(matrix) < 2:
        return None
    matrix = matrix.round(DIGITS)
    if (matrix.nunique(axis="columns") == 1).all():
        return Friedman(0.0, 1.0, 0.0)
    from scipy.stats import friedmanchisquare

    result = friedmanchisquare(*matrix.to_numpy().T)
    statistic = float(result.statistic)
    w = statistic / (len(matrix) * (matrix.shape[1] - 1))
    return Friedman(statistic, float(result.pvalue), w)


def without_rounding_errors(differences: np.ndarray) -> np.ndarray:
    """Differences (n,) without rounding errors.

    Those that differ in size only by rounding errors, as 0.3 - 0.2 and 0.2 - 0.1, become equal, and such errors alone become 0.
    Rounding them is not enough: two that are nearly equal can lie on either side of the middle between two rounded numbers.
    Accuracies must not be rounded before, as this makes errors in their differences.

    Examples
    --------
    >>> a, b = without_rounding_errors(np.array([0.3 - 0.2, 0.1 - 0.2]))
    >>> bool(a == -b)
    True
    """
    sizes = np.abs(differences)
    order = np.argsort(sizes)
    rising = sizes[order]
    begins = np.diff(rising, prepend=0) > TINY
    equal = np.empty_like(sizes)
    equal[order] = np.maximum.accumulate(np.where(begins, rising, 0))
    return np.sign(differences) * equal + 0.0  # -0.0 becomes 0.0


def signed_rank(first: np.ndarray, second: np.ndarray) -> SignedRank:
    """Wilcoxon's test of paired values; zero differences are ranked, then dropped (Pratt 1959).

    With up to 50 non-zero differences p is exact, also with ties; with more it is a normal approximation. The effect
    counts half of the ranks of zeros for each side. Identical columns give (0, 1, 0).
    """
    differences = without_rounding_errors(first - second)
    if not differences.any():
        return SignedRank(0.0, 1.0, 0.0)
    from scipy.stats import rankdata, wilcoxon

    rank = rankdata(np.abs(differences))
    higher, lower = rank[differences > 0].sum(), rank[differences < 0].sum()
    statistic = min(higher, lower)
    nonzero = rank[differences != 0]
    if len(nonzero) <= EXACT_DIFFERENCES:
        p = min(1.0, 2 * _chances(nonzero)[round(2 * statistic)])
    else:
        p = wilcoxon(differences, zero_method="pratt").pvalue
    return SignedRank(float(statistic), float(p), float((higher - lower) / rank.sum()))


def _chances(rank: np.ndarray) -> np.ndarray:
    """Chance that the sum of ranks with a positive sign is at most 0, 1/2, 1, ..., when each sign is a fair coin.

    If ranks tie, scipy enumerates the 2^n signs, which takes a second at n = 13. Adding the ranks one by one to the
    distribution of the sum takes n^3 steps.
    """
    doubled = np.round(2 * rank).astype(int)  # tied ranks can be halves
    share = np.zeros(doubled.sum() + 1)
    share[0] = 1
    for step in doubled:
        share[step:] = share[step:] + share[:-step]
        share /= 2
    return np.cumsum(share)


class Location(NamedTuple):
    """The Hodges-Lehmann estimate of a location, and its interval: NaN if none has the level."""

    estimate: float
    low: float
    high: float


def signed_rank_interval(values: np.ndarray) -> Location:
    """The median of the means of all pairs of values, and the 95% interval of shifts that the signed-rank test does not reject.

    The test has few levels: with six values, those next to 95% are 93.8% and 96.9%. With up to seven values, the ends are
    interpolated between two levels, as Hettmansperger and Sheather do for the sign test.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Independent values, at least one.

    Returns
    -------
    Location
        For values with a symmetric distribution the coverage is at least 95%, or close to it if the ends are interpolated. Five
        values or fewer have no interval, as the test cannot reject any shift of them.

    Notes
    -----
    An end belongs to the interval even if the test rejects exactly this shift. This can happen if some values equal it: the
    test (Pratt) gives them no sign there, but a sign on either side. Six zeros with 1, 2, ..., 6 have the low end 0 and
    p = 0.03. The interval counts with ranks that do not tie, the test with those that do. So if values are equal, the test can
    also reject a shift just within the interval: of -2, -2, -1, 3, 4, 4, 4, 4, 5 the low end is -1, and p of 0 is 0.04.

    References
    ----------
    Hodges and Lehmann, "Estimates of location based on rank tests", 1963. Hettmansperger and Sheather, "Confidence
    intervals based on interpolated order statistics", 1986.

    Examples
    --------
    >>> signed_rank_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 11.0]))
    Location(estimate=4.5, low=2.0, high=8.0)
    """
    means, chances = _means_of_pairs(values), _chances_of_sums(len(values))
    estimate = float(np.median(means))
    tail = (1 - LEVEL) / 2
    outside = int(np.searchsorted(chances, tail, side="right"))
    if not outside:
        return Location(estimate, np.nan, np.nan)
    low, high = means[outside - 1], means[-outside]
    if len(values) <= INTERPOLATED:
        part = (tail - chances[outside - 1]) / (chances[outside] - chances[outside - 1])
        low += part * (means[outside] - low)
        high -= part * (high - means[-outside - 1])
    return Location(estimate, float(low), float(high))


def location_p(values: np.ndarray) -> float:
    """Two-sided p that the location of values is 0: below `ALPHA` only if `signed_rank_interval` excludes 0.

    With ties, the interval can also contain 0, at or near an end, see its notes.
    """
    if len(values) > INTERPOLATED:
        return signed_rank(values, np.zeros(len(values))).p
    means, chances = _means_of_pairs(values), _chances_of_sums(len(values))
    tails = []
    for ascending in (means, -means[::-1]):
        below = int(np.searchsorted(ascending, 0, side="right"))
        if below == len(ascending):
            tails.append(1.0)
        elif not below:
            tails.append(chances[0])
        else:
            last, following = ascending[below - 1 : below + 1]
            part = -last / (following - last)
            tails.append(chances[below - 1] + part * (chances[below] - chances[below - 1]))
    return float(min(1.0, 2 * min(tails)))


def _means_of_pairs(values: np.ndarray) -> np.ndarray:
    """The means of all pairs of values, including each value with itself, ascending."""
    first, second = np.triu_indices(len(values))
    return np.sort((values[first] + values[second]) / 2)


def _chances_of_sums(n: int) -> np.ndarray:
    """Chance that the sum of ranks with a positive sign is at most 0, 1, 2, ..., for n ranks without ties."""
    return _chances(np.arange(1.0, n + 1))[::2]


def holm(p: Sequence[float]) -> np.ndarray:
    """P-values adjusted for their number (Holm 1979), in the order given."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    factors = np.arange(len(values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted
