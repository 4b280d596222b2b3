"""Which methods differ: accuracies per (FM, task), ranks, tests, and the groups that a test cannot tell apart.

Accuracies are medians over seeds and draws, one value per method and (FM, task); methods are always paired by
(FM, task). The procedure is that of Demsar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets":
Friedman's test first, then pairwise Wilcoxon signed-rank tests with Holm's correction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import floor, log2
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PAIR = ["fm", "task"]
ALPHA = 0.05
ONE_K = ("mean", "all", "ls")  # GENs that leave no choice of k


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods rank alike: chi-square corrected for ties, degrees of freedom, p."""

    statistic: float
    degrees: int
    p: float


@dataclass(frozen=True)
class Pairwise:
    """Wilcoxon's signed-rank test of two methods. `mean_difference` is accuracy of first - second, 0..1."""

    first: str
    second: str
    statistic: float
    p: float
    p_holm: float
    mean_difference: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods compared over the (FM, task) that all of them have.

    summary: a row per method, best mean rank first: mean_rank (1 = best), mean and std of accuracy (0..1; ddof 1).
    rows, left_out: the (FM, task) used, and those left out because some method lacks them.
    friedman: None where it could not be made; `notes` says why.
    cliques: groups of methods, in rank order, that do not differ at p < 0.05.
    notes: what a reader must know beside the numbers, in sentences.
    """

    summary: pd.DataFrame
    rows: int
    left_out: int
    friedman: Friedman | None
    pairwise: tuple[Pairwise, ...]
    cliques: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


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


def ranks(matrix: pd.DataFrame) -> pd.DataFrame:
    """Rank of each method within each row, 1 = highest accuracy, ties averaged."""
    return matrix.rank(axis="columns", ascending=False, method="average")


def friedman(matrix: pd.DataFrame) -> Friedman | None:
    """Friedman's test of the columns; None with fewer than 3 columns or 2 rows. All tied: statistic 0, p 1."""
    if matrix.shape[1] < 3 or len(matrix) < 2:
        return None
    degrees = matrix.shape[1] - 1
    if (matrix.nunique(axis="columns") == 1).all():
        return Friedman(0.0, degrees, 1.0)
    from scipy.stats import friedmanchisquare

    result = friedmanchisquare(*matrix.to_numpy().T)
    return Friedman(float(result.statistic), degrees, float(result.pvalue))


def signed_rank(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Wilcoxon's signed-rank statistic and two-sided p; zero differences are ranked, then dropped (Pratt 1959).

    Identical columns do not differ: (0, 1).
    """
    # 0.3 - 0.2 and 0.2 - 0.1 are one difference to a reader; rounding keeps their tie
    differences = np.round(first - second, 12)
    if not differences.any():
        return 0.0, 1.0
    from scipy.stats import wilcoxon

    result = wilcoxon(differences, zero_method="pratt")
    return float(result.statistic), float(result.pvalue)


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


def compare(matrix: pd.DataFrame, alpha: float = ALPHA) -> Comparison:
    """Compare the methods (columns) of an accuracy matrix over its rows, the (FM, task) pairs.

    Methods without any result are dropped, then rows that some method lacks; both are reported. What the data do
    not allow (too few methods or pairs) is reported in `notes`, never raised.
    """
    import pandas as pd

    present = matrix.dropna(axis="columns", how="all")
    complete = present.dropna()
    summary = pd.DataFrame(
        {"mean_rank": ranks(complete).mean(), "mean": complete.mean(), "std": complete.std()}
    ).sort_values(["mean_rank", "mean"], ascending=[True, False])
    order = list(summary.index)
    left_out = len(present.dropna(how="all")) - len(complete)

    test = friedman(complete)
    pairwise = _pairwise(complete[order])
    different = {frozenset((pair.first, pair.second)) for pair in pairwise if pair.p_holm < alpha}
    if test is not None and test.p >= alpha:
        different = set()  # without an overall difference no pair is called different
    return Comparison(
        summary=summary,
        rows=len(complete),
        left_out=left_out,
        friedman=test,
        pairwise=pairwise,
        cliques=cliques(order, different),
        notes=tuple(_notes(matrix, complete, left_out, test, alpha)),
    )


def _pairwise(matrix: pd.DataFrame) -> tuple[Pairwise, ...]:
    if matrix.empty:
        return ()
    pairs = list(combinations(matrix.columns, 2))
    tests = [signed_rank(matrix[a].to_numpy(), matrix[b].to_numpy()) for a, b in pairs]
    adjusted = holm([p for _, p in tests])
    return tuple(
        Pairwise(a, b, statistic, p, float(p_holm), float((matrix[a] - matrix[b]).mean()))
        for (a, b), (statistic, p), p_holm in zip(pairs, tests, adjusted, strict=True)
    )


def _notes(
    matrix: pd.DataFrame, complete: pd.DataFrame, left_out: int, test: Friedman | None, alpha: float
) -> Iterator[str]:
    if absent := [name for name in matrix.columns if name not in complete.columns]:
        yield f"Without any result and left out: {', '.join(absent)}."
    if left_out:
        yield f"{left_out} (FM, task) left out because a method has no result there."
    methods, rows = complete.shape[1], len(complete)
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
