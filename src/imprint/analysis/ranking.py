"""Methods ranked over (FM, task), and which of them differ.

Methods are always paired by (FM, task). The procedure is that of Demsar 2006, "Statistical Comparisons of
Classifiers over Multiple Data Sets": Friedman's test first, then pairwise Wilcoxon signed-rank tests with Holm's
correction. Groups of methods that the tests cannot tell apart are joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import floor, log2
from typing import TYPE_CHECKING

from imprint.analysis.hypothesis_tests import (
    ALPHA,
    DIGITS,
    Friedman,
    friedman,
    holm,
    signed_rank,
)
from imprint.formatting import count

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 0.5  # least share of the (FM, task) of the method with the most, to be compared
# how entries of a component are represented, for notes on those that are equal
AS_KEPT = "in their kept configurations, not necessarily in others"
AT_BEST = "at their best, not necessarily otherwise"


@dataclass(frozen=True)
class Pairwise:
    """Wilcoxon's signed-rank test of two methods."""

    first: str
    second: str
    statistic: float
    p: float
    p_holm: float
    effect: float


@dataclass(frozen=True, eq=False)
class RankedMethods:
    """Methods ranked over the (FM, task) that all of them have.

    accuracies: a row per such (FM, task), a column per method, best mean rank first.
    summary: a row per method in that order: mean_rank (1 = best), mean and std of accuracy (0..1; ddof 1).
    left_out: number of (FM, task) left out because some method lacks them.
    notes: remarks on the numbers, in sentences.
    gaps: the notes on what was left out.
    """

    accuracies: pd.DataFrame
    summary: pd.DataFrame
    left_out: int
    notes: tuple[str, ...]
    gaps: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of (FM, task) used."""
        return len(self.accuracies)


@dataclass(frozen=True, eq=False)
class ComparedMethods(RankedMethods):
    """Ranked methods, tested for difference.

    friedman: None if the test was not possible; `notes` says why.
    cliques: groups of methods, in rank order, that do not differ at p < 0.05.
    limits: the notes on what could not be tested.
    """

    friedman: Friedman | None
    pairwise: tuple[Pairwise, ...]
    cliques: tuple[tuple[str, ...], ...]
    limits: tuple[str, ...] = ()


def ranks(matrix: pd.DataFrame) -> pd.DataFrame:
    """Rank of each method within each row, 1 = highest accuracy, ties averaged."""
    return matrix.round(DIGITS).rank(axis="columns", ascending=False, method="average")


def cliques(order: Sequence[str], different: set[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Maximal runs of two or more methods of `order` (best first) that contain no pair of `different`."""
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


def are_enough(counts: pd.Series) -> pd.Series:
    """Mask of the methods with enough (FM, task) to be compared: at least one, and half as many as the method with the most."""
    return counts >= max(1, ENOUGH * counts.max()) if len(counts) else counts.astype(bool)


def rank_methods(matrix: pd.DataFrame) -> RankedMethods:
    """Rank the methods (columns) of an accuracy matrix over its rows, the (FM, task) pairs.

    Methods that were run on less than half as many pairs as another are dropped, then rows that some method lacks; both are
    reported in `notes`.
    """
    import pandas as pd

    enough = are_enough(matrix.notna().sum())
    present = matrix[list(matrix.columns[enough])].dropna(how="all")
    complete = present.dropna()
    means = complete.round(DIGITS).mean()  # of equal columns equal, so that their order is kept
    summary = pd.DataFrame(
        {"mean_rank": ranks(complete).mean(), "mean": means, "std": complete.std()}
    ).sort_values(["mean_rank", "mean"], ascending=[True, False], kind="stable")
    gaps = tuple(_gaps(matrix, present, complete))
    alone = ("One (FM, task) alone: no standard deviation.",) if len(complete) == 1 else ()
    return RankedMethods(
        accuracies=complete[list(summary.index)],
        summary=summary,
        left_out=len(present) - len(complete),
        notes=(*gaps, *alone),
        gaps=gaps,
    )


def compare_methods(matrix: pd.DataFrame) -> ComparedMethods:
    """Rank the methods (columns) of an accuracy matrix and test which differ.

    What the data do not allow (too few methods or pairs) is reported in `notes`, never raised.
    """
    ranked = rank_methods(matrix)
    complete = ranked.accuracies
    test = friedman(complete)
    limits = tuple(_limits(complete, test))
    pairwise = _pairwise(complete)
    different = {frozenset((pair.first, pair.second)) for pair in pairwise if pair.p_holm < ALPHA}
    if test is not None and test.p >= ALPHA:
        different = set()  # without an overall difference no pair is called different
    # tests need no standard deviation, so not `ranked.notes`
    notes = (*ranked.gaps, *identical(complete), *limits)
    groups = cliques(list(complete.columns), different)
    return ComparedMethods(
        **vars(ranked) | {"notes": notes},
        friedman=test,
        pairwise=pairwise,
        cliques=groups,
        limits=limits,
    )


def pairs_needed(methods: int) -> int:
    """The fewest (FM, task), or datasets, with which any two of a number of methods can differ at p < 0.05.

    The smallest two-sided p of the signed-rank test over n of them is 2 / 2^n, and Holm's correction multiplies it by the
    number of tests.

    Examples
    --------
    >>> pairs_needed(2), pairs_needed(5)
    (6, 9)
    """
    tests = methods * (methods - 1) // 2
    return floor(log2(2 * tests / ALPHA)) + 1 if tests else 0


def _pairwise(matrix: pd.DataFrame) -> tuple[Pairwise, ...]:
    if matrix.empty:
        return ()
    pairs = list(combinations(matrix, 2))
    tests = [signed_rank(matrix[a].to_numpy(), matrix[b].to_numpy()) for a, b in pairs]
    adjusted = holm([test.p for test in tests])
    return tuple(
        Pairwise(str(a), str(b), test.statistic, test.p, float(p_holm), test.effect)
        for (a, b), test, p_holm in zip(pairs, tests, adjusted, strict=True)
    )


def _gaps(matrix: pd.DataFrame, present: pd.DataFrame, complete: pd.DataFrame) -> Iterator[str]:
    counts = matrix.notna().sum().drop(present.columns)
    if absent := [str(name) for name in counts.index[counts == 0]]:
        yield f"Without any result and left out: {', '.join(absent)}."
    if few := [f"{name} ({count})" for name, count in counts[counts > 0].items()]:
        yield f"Left out, run on less than half of the (FM, task): {', '.join(few)}."
    if left_out := len(present) - len(complete):
        missing = present.isna().sum()
        lacking = [f"{name} ({count})" for name, count in missing[missing > 0].items()]
        yield f"{left_out} (FM, task) left out for lack of results of {_few(lacking, ', ')}."


def equal_methods(accuracies: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Methods (columns) with equal accuracies on every (FM, task): the others by the first; empty with one (FM, task)."""
    if len(accuracies) < 2:
        return {}
    same: dict[tuple[float, ...], list[str]] = {}
    for name, column in accuracies.round(DIGITS).fillna(-1).items():
        same.setdefault(tuple(column), []).append(str(name))
    return {first: tuple(others) for first, *others in same.values() if others}


def identical(accuracies: pd.DataFrame) -> tuple[str, ...]:
    """A sentence that names the `equal_methods`, if there are any."""
    if equal := equal_methods(accuracies):
        return (f"Equal medians on every (FM, task): {_groups(equal)}.",)
    return ()


def merged(accuracies: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """The first column of each group of equal ones, so that these do not compete in a ranking; and `equal_methods`."""
    equal = equal_methods(accuracies)
    others = {name for names in equal.values() for name in names}
    return accuracies[[name for name in accuracies if name not in others]], equal


def merged_note(equal: Mapping[str, Sequence[str]], represented: str = AS_KEPT) -> tuple[str, ...]:
    """A sentence on the entries of a component that `merged` joined, if any; `represented`: `AS_KEPT` or `AT_BEST`."""
    if not equal:
        return ()
    return (f"Equal on every (FM, task) {represented}, and ranked as one: {_groups(equal)}.",)


def _groups(equal: Mapping[str, Sequence[str]]) -> str:
    return _few([" = ".join((first, *others)) for first, others in equal.items()], "; ")


def _few(names: list[str], separator: str) -> str:
    """The first five names, and the number of the others."""
    more = [f"{len(names) - 5} more"] if len(names) > 5 else []
    return separator.join([*names[:5], *more])


def _limits(complete: pd.DataFrame, test: Friedman | None) -> Iterator[str]:
    rows, methods = complete.shape
    if methods < 2 or rows < 2:
        yield f"Nothing to test: {count(methods, 'method')} over {rows} shared (FM, task)."
        return
    if test is None:
        yield f"Friedman's test needs 3 methods, here are {methods}."
    needed = pairs_needed(methods)
    if rows < needed:
        yield f"{rows} (FM, task) are too few for any two of {methods} to differ at p < {ALPHA:g}: it takes {needed}."
