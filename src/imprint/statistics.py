"""Which methods differ: accuracies per (FM, task), ranks, tests, and the groups that a test cannot tell apart.

Accuracies are medians over seeds and draws, one value per method and (FM, task); methods are always paired by
(FM, task). The procedure is that of Demsar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets":
Friedman's test first, then pairwise Wilcoxon signed-rank tests with Holm's correction. Beside each test stands the
size of the effect, and beside each mean an interval bootstrapped over the (FM, task).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import factorial, floor, log2
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imprint.method import Configuration

if TYPE_CHECKING:
    import pandas as pd

PAIR = ["fm", "task"]
METHOD = list(Configuration._fields)
ALPHA = 0.05
ONE_K = ("mean", "all", "ls")  # GENs that leave no choice of k
FEWEST = 6  # rows for a bootstrap interval
EXACT_DIFFERENCES = 50  # up to so many non-zero differences p of the signed-rank test is exact
EXACT_POINTS = 8  # up to so many points all orders are enumerated for p of Spearman's rho


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods rank alike: chi-square corrected for ties, degrees of freedom, p.

    w: Kendall's coefficient of concordance, 0 (ranks at random) to 1 (the same order on every (FM, task)).
    """

    statistic: float
    degrees: int
    p: float
    w: float


class SignedRank(NamedTuple):
    """Wilcoxon's signed-rank test: the smaller sum of ranks, two-sided p, and the size of the effect.

    effect: matched-pairs rank-biserial correlation, -1 (second always higher) to 1 (first always higher).
    """

    statistic: float
    p: float
    effect: float


@dataclass(frozen=True)
class Pairwise:
    """Wilcoxon's signed-rank test of two methods. `mean_difference` is accuracy of first - second, -1..1."""

    first: str
    second: str
    statistic: float
    p: float
    p_holm: float
    effect: float
    mean_difference: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """Methods ranked over the (FM, task) that all of them have.

    accuracies: a row per such (FM, task), a column per method, best mean rank first.
    summary: a row per method in that order: mean_rank (1 = best), mean and std of accuracy (0..1; ddof 1).
    left_out: number of (FM, task) left out because some method lacks them.
    notes: what a reader must know beside the numbers, in sentences.
    """

    accuracies: pd.DataFrame
    summary: pd.DataFrame
    left_out: int
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of (FM, task) used."""
        return len(self.accuracies)


@dataclass(frozen=True, eq=False)
class Comparison(Ranking):
    """Ranked methods, tested for difference.

    friedman: None where it could not be made; `notes` says why.
    cliques: groups of methods, in rank order, that do not differ at p < 0.05.
    """

    friedman: Friedman | None
    pairwise: tuple[Pairwise, ...]
    cliques: tuple[tuple[str, ...], ...]


def fullest(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows with all training samples or, where no run used them all, with the most shots."""
    shots = scores["shots"].dropna().unique()
    if not len(shots):
        return scores
    most = "full" if "full" in shots else max(shots, key=int)
    return scores[is_value(scores["shots"], most)]


def rows_of(scores: pd.DataFrame, method: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one configuration: a mapping with gen, k, norm_pre, norm_post, norm_inf, agg, distance, weighting, m.

    k is not compared where GEN fixes it. A 1-nearest-proxy rule has two names, `max` with a distance and `mnn`
    with m = 1: rows under either are found.
    """
    wanted = np.ones(len(scores), dtype=bool)

    def require(column: str, value: Any) -> None:
        np.logical_and(wanted, is_value(scores[column], value), out=wanted)

    for column in ("gen", "norm_pre", "norm_post", "norm_inf", "distance"):
        require(column, method[column])
    if method["gen"] not in ONE_K:
        require("k", method["k"])
    one_nearest = {"max": method["distance"] != "inner_product", "mnn": method["m"] == 1}[method["agg"]]
    if one_nearest:
        wanted &= is_value(scores["agg"], "max") | is_value(scores["m"], 1)
    else:
        require("agg", method["agg"])
        if method["agg"] == "mnn":
            require("m", method["m"])
            require("weighting", method["weighting"])
    return scores[wanted]


def is_value(column: pd.Series, value: Any) -> np.ndarray:
    """Where a column, categorical or nullable, equals a value; a missing entry equals none."""
    return (column == value).to_numpy(bool, na_value=False)


def accuracy_matrix(scores: pd.DataFrame, methods: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Median accuracy (0..1) over seeds and draws: a row per (fm, task), a column per method, NaN where missing."""
    import pandas as pd

    rows = fullest(scores)
    found = {name: rows_of(rows, method) for name, method in methods.items()}
    medians = {
        name: own.groupby(PAIR, observed=True)["accuracy"].median() for name, own in found.items() if len(own)
    }
    if not medians:
        nothing = pd.MultiIndex.from_arrays([[], []], names=PAIR)
        return pd.DataFrame(index=nothing, columns=list(methods), dtype=float)
    return pd.DataFrame(medians).reindex(columns=list(methods)).astype(float)


def by_configuration(scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Median accuracy (0..1) over seeds and draws of every configuration.

    Returns the configurations, a row each, and a matrix: a row per (fm, task), a column per number of configuration,
    NaN where missing.
    """
    rows = fullest(scores)
    number = rows.groupby(METHOD, observed=True, dropna=False, sort=False).ngroup().to_numpy()
    numbers, first = np.unique(number, return_index=True)
    configurations = rows[METHOD].iloc[first].reset_index(drop=True)
    medians = rows.groupby([*PAIR, number], observed=True)["accuracy"].median()
    return configurations, medians.unstack().reindex(columns=numbers)


def ranks(matrix: pd.DataFrame) -> pd.DataFrame:
    """Rank of each method within each row, 1 = highest accuracy, ties averaged."""
    return matrix.rank(axis="columns", ascending=False, method="average")


def friedman(matrix: pd.DataFrame) -> Friedman | None:
    """Friedman's test of the columns; None with fewer than 3 columns or 2 rows. All tied: statistic 0, p 1, W 0."""
    if matrix.shape[1] < 3 or len(matrix) < 2:
        return None
    degrees = matrix.shape[1] - 1
    if (matrix.nunique(axis="columns") == 1).all():
        return Friedman(0.0, degrees, 1.0, 0.0)
    from scipy.stats import friedmanchisquare

    result = friedmanchisquare(*matrix.to_numpy().T)
    statistic = float(result.statistic)
    return Friedman(statistic, degrees, float(result.pvalue), statistic / (len(matrix) * degrees))


def signed_rank(first: np.ndarray, second: np.ndarray) -> SignedRank:
    """Wilcoxon's test of paired values; zero differences are ranked, then dropped (Pratt 1959).

    Up to 50 differences p is exact, with ties too; beyond, the normal approximation. The effect counts the ranks of
    zeros half for each side. Identical columns do not differ: (0, 1, 0).
    """
    # 0.3 - 0.2 and 0.2 - 0.1 are one difference to a reader; rounding keeps their tie
    differences = np.round(first - second, 12)
    if not differences.any():
        return SignedRank(0.0, 1.0, 0.0)
    from scipy.stats import rankdata, wilcoxon

    rank = rankdata(np.abs(differences))
    higher, lower = rank[differences > 0].sum(), rank[differences < 0].sum()
    statistic = min(higher, lower)
    own = rank[differences != 0]
    few = len(own) <= EXACT_DIFFERENCES
    p = _exact(own, statistic) if few else wilcoxon(differences, zero_method="pratt").pvalue
    return SignedRank(float(statistic), float(p), float((higher - lower) / rank.sum()))


def _exact(rank: np.ndarray, statistic: float) -> float:
    """Two-sided p of the smaller sum of ranks when each sign is a fair coin.

    scipy enumerates the 2^n signs where ranks tie, which takes a second at n = 13; adding one rank after the other
    to the distribution of the sum takes n^3 steps.
    """
    whole = np.round(2 * rank).astype(int)  # tied ranks are halves
    share = np.zeros(whole.sum() + 1)
    share[0] = 1
    for step in whole:
        share[step:] = share[step:] + share[:-step]
        share /= 2
    return min(1.0, 2 * share[: round(2 * statistic) + 1].sum())


def holm(p: Sequence[float]) -> np.ndarray:
    """P-values adjusted for their number (Holm 1979), in the order given."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def cliques(order: Sequence[str], different: set[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Maximal runs of two or more methods of `order` (best first) that hold no pair of `different`."""
    runs: list[tuple[int, int]] = []
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and all(
            frozenset((order[i], order[end])) not in different for i in range(start, end)
        ):
            end += 1
        if end - start > 1 and (not runs or end > runs[-1][1]):
            runs.append((start, end))
    return tuple(tuple(order[start:end]) for start, end in runs)


def mean_intervals(samples: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of bootstrap intervals (BCa, Efron 1987) of the mean of each column.

    samples: (rows, columns). The same 9,999 resamples of the rows serve all columns, drawn with a fixed seed. The
    interval of a constant column is that value; of fewer than six rows there is none (NaN): resamples of so few are too
    much alike. Of 8 to 20 rows of normal samples nine in ten such intervals hold the mean.
    """
    samples = np.round(np.asarray(samples, dtype=float), 12)
    if len(samples) < FEWEST:
        return np.full(samples.shape[1], np.nan), np.full(samples.shape[1], np.nan)
    low, high = samples[0].copy(), samples[0].copy()
    varying = np.ptp(samples, axis=0) > 0
    if varying.any():
        from scipy.stats import bootstrap

        result = bootstrap(
            (samples[:, varying].T,),
            np.mean,
            axis=-1,
            confidence_level=level,
            n_resamples=9999,
            batch=100,
            random_state=np.random.default_rng(0),
        )
        low[varying], high[varying] = result.confidence_interval
    return low, high


def ranking(matrix: pd.DataFrame) -> Ranking:
    """Rank the methods (columns) of an accuracy matrix over its rows, the (FM, task) pairs.

    Methods without any result are dropped, then rows that some method lacks; both are reported in `notes`.
    """
    import pandas as pd

    present = matrix.dropna(axis="columns", how="all").dropna(how="all")
    complete = present.dropna().round(12)
    summary = pd.DataFrame(
        {"mean_rank": ranks(complete).mean(), "mean": complete.mean(), "std": complete.std()}
    ).sort_values(["mean_rank", "mean"], ascending=[True, False], kind="stable")
    return Ranking(
        accuracies=complete[list(summary.index)],
        summary=summary,
        left_out=len(present) - len(complete),
        notes=tuple(_gaps(matrix, present, complete)),
    )


def compare(matrix: pd.DataFrame, alpha: float = ALPHA) -> Comparison:
    """Rank the methods (columns) of an accuracy matrix and test which differ.

    What the data do not allow (too few methods or pairs) is reported in `notes`, never raised.
    """
    ranked = ranking(matrix)
    complete = ranked.accuracies
    test = friedman(complete)
    pairwise = _pairwise(complete)
    different = {frozenset((pair.first, pair.second)) for pair in pairwise if pair.p_holm < alpha}
    if test is not None and test.p >= alpha:
        different = set()  # without an overall difference no pair is called different
    return Comparison(
        accuracies=complete,
        summary=ranked.summary,
        left_out=ranked.left_out,
        notes=(*ranked.notes, *identical(complete), *_limits(complete, test, alpha)),
        friedman=test,
        pairwise=pairwise,
        cliques=cliques(list(complete.columns), different),
    )


def _pairwise(matrix: pd.DataFrame) -> tuple[Pairwise, ...]:
    if matrix.empty:
        return ()
    columns = {name: column.to_numpy() for name, column in matrix.items()}
    pairs = list(combinations(columns, 2))
    tests = [signed_rank(columns[a], columns[b]) for a, b in pairs]
    adjusted = holm([test.p for test in tests])
    return tuple(
        Pairwise(a, b, t.statistic, t.p, float(p_holm), t.effect, float((columns[a] - columns[b]).mean()))
        for (a, b), t, p_holm in zip(pairs, tests, adjusted, strict=True)
    )


def _gaps(matrix: pd.DataFrame, present: pd.DataFrame, complete: pd.DataFrame) -> Iterator[str]:
    if absent := [name for name in matrix.columns if name not in present.columns]:
        yield f"Without any result and left out: {', '.join(absent)}."
    if left_out := len(present) - len(complete):
        missing = present.isna().sum()
        lacking = [f"{name} ({count})" for name, count in missing[missing > 0].items()]
        yield f"{left_out} (FM, task) left out, for want of results of {_few(lacking, ', ')}."
    if len(complete) == 1:
        yield "One (FM, task) alone: no standard deviation and no interval."


def identical(accuracies: pd.DataFrame) -> tuple[str, ...]:
    """A sentence that names the methods with equal accuracies on every (FM, task), if there are any and several rows."""
    same: dict[tuple[float, ...], list[str]] = {}
    for name, column in accuracies.items():
        same.setdefault(tuple(column), []).append(name)
    groups = [" = ".join(names) for names in same.values() if len(names) > 1]
    return (f"Identical on every (FM, task): {_few(groups, '; ')}.",) * (len(accuracies) > 1 and bool(groups))


def _few(names: list[str], separator: str) -> str:
    """The first five, and how many more."""
    more = [f"{len(names) - 5} more"] if len(names) > 5 else []
    return separator.join([*names[:5], *more])


def _limits(complete: pd.DataFrame, test: Friedman | None, alpha: float) -> Iterator[str]:
    rows, methods = complete.shape
    if methods < 2 or rows < 2:
        yield f"Nothing to test: {methods} method(s) over {rows} shared (FM, task)."
        return
    if test is None:
        yield f"Friedman's test needs 3 methods, here are {methods}."
    # the smallest two-sided p of n pairs is 2 / 2^n, and Holm multiplies it by the number of tests
    tests = methods * (methods - 1) // 2
    if 2 * tests / 2**rows >= alpha:
        needed = floor(log2(2 * tests / alpha)) + 1
        yield f"{rows} (FM, task) are too few for any pair to differ at p < {alpha:g}: it takes {needed}."


def spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Spearman's rho of x (n,) and y (n,), neither of them constant, and its two-sided p.

    p is exact, over all orders, for up to 8 points, as it is where the order is the same or reversed; else by Student's t.
    """
    from scipy.stats import rankdata, spearmanr

    found = spearmanr(x, y)
    rho, p = float(found.statistic), float(found.pvalue)
    if len(x) <= EXACT_POINTS:
        a, b = rankdata(x) - (len(x) + 1) / 2, rankdata(y) - (len(x) + 1) / 2
        orders = np.array(list(permutations(b)))
        p = float(np.mean(np.abs(orders @ a) >= abs(a @ b) - 1e-9))
    elif abs(rho) > 1 - 1e-12:
        p = 2 / factorial(len(x))
    return rho, p
