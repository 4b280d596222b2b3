"""The report's opening: in a few lines, what was run and what won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from imprint.analysis import hypothesis_tests, intervals, matrices, ranking
from imprint.analysis.gens import gens_of_all_classes, k_in_words
from imprint.analysis.selection import L2_MAX

L2 = {**L2_MAX, "weighting": None, "m": None}
CHANCE = 0.05  # p from which on a relation may be one
FEW, MANY = 5, 20  # proxies per class that gains are told for


def lines(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Sentences: the extent, the best published method, the best of all, what several proxies gain, what NC1 says.

    scores, collapse: all rows of the study. presets: see `imprint.method.presets.published`. What the cells of the study
    do not tell is left out.
    """
    return [
        _extent(scores),
        *_published(scores, presets),
        *_best(scores),
        *_gain(scores),
        *_collapse(scores, collapse),
    ]


def _extent(scores: pd.DataFrame) -> str:
    fms, tasks = scores["fm"].nunique(), scores["family"].nunique()
    seeds = scores["seed"].nunique()
    return (
        f"Run: {len(scores):,} scores of {_count(fms, 'FM')} on {_count(tasks, 'task or family', 'tasks and families')} "
        f"of tasks, with {_count(seeds, 'seed')}. "
        "Accuracies below are means over (FM, task) of the medians over seeds, on test data."
    )


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _published(scores: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    matrix = matrices.preset_matrix(scores, presets)
    found = ranking.rank_methods(matrix)
    if found.rows and len(found.summary) > 1:
        shown = [
            f"{name} {100 * row['mean']:.1f}% (mean rank {row['mean_rank']:.1f})"
            for name, row in found.summary.iterrows()
        ]
        yield f"Named methods, {_where(matrix.dropna(axis=1, how='all').dropna())}: {', then '.join(shown)}."


def _where(matrix: pd.DataFrame) -> str:
    """The rows (FM, task) of a matrix in words; one FM is named."""
    fms = matrix.index.get_level_values("fm").unique()
    if len(fms) == 1:
        return f"with {fms[0]} on {_count(len(matrix), 'task')}"
    return f"over {len(matrix)} (FM, task)"


def _best(scores: pd.DataFrame) -> Iterator[str]:
    """The best configuration among those that see one class at a time, over the pairs that most of them have."""
    per_class = scores[~scores["gen"].isin(gens_of_all_classes())]
    configurations, matrix = matrices.by_configuration(per_class)
    matrix = matrix.dropna(
        axis="columns", thresh=max(1, int(matrix.notna().sum().max() * 0.9))
    ).dropna()
    if not matrix.size:
        return
    best = int(matrix.mean().to_numpy().argmax())
    method = cast("dict[str, Any]", configurations.loc[matrix.columns[best]].to_dict())
    k = k_in_words(method["gen"], method["k"])
    agg = (
        method["agg"] if pd.isna(method["m"]) else f"{method['m']} nearest ({method['weighting']})"
    )
    yield (
        f"Best of the {matrix.shape[1]} configurations that see one class at a time and were run on all {len(matrix)} (FM, task): "
        f"{method['gen']}, {k}, "
        f"NORM {method['norm_pre']}, {method['norm_post']}, {method['norm_inf']}, {agg} by {method['distance']}: "
        f"{100 * matrix.iloc[:, best].mean():.1f}% (chosen on the test data that it is scored on)."
    )


def _gain(scores: pd.DataFrame) -> Iterator[str]:
    methods: dict[str, dict[str, Any]] = {
        "one": {"gen": "mean", "k": None, **L2},
        "many": {"gen": "kmeans", "k": MANY, **L2},
    }
    matrix = matrices.accuracy_matrix(scores, methods).dropna()
    if len(matrix) < 2:
        return
    gain = 100 * (matrix["many"] - matrix["one"])
    united = gain.index.get_level_values("task").isin(
        scores.loc[scores["d"].fillna(1) > 1, "task"].unique()
    )
    said = [
        f"by {_mean(part)}, better on {(part > 0).sum()} of {len(part)} (FM, task){which}"
        for part, which in (
            (gain[~united], ""),
            (gain[united], " whose classes unite several others"),
        )
        if len(part)
    ]
    yield (
        f"Several proxies: {MANY} per class by k-means instead of the mean (l2, max) change the accuracy {'; '.join(said)}."
    )


def _mean(gain: pd.Series) -> str:
    if len(gain) < intervals.FEWEST:
        return f"{gain.mean():+.1f} points"
    low, high = intervals.mean_intervals(gain.to_numpy()[:, None])
    return f"{gain.mean():+.1f} points (95% interval {low[0]:+.1f} to {high[0]:+.1f})"


def _collapse(scores: pd.DataFrame, collapse: pd.DataFrame) -> Iterator[str]:
    methods = {k: {"gen": "kmeans", "k": k, **L2} for k in (1, FEW)}
    gain = matrices.accuracy_matrix(scores, methods).dropna().diff(axis=1)[FEW] * 100
    nc1 = collapse.groupby(["fm", "task"], observed=True)["nc1"].mean()
    both = pd.DataFrame({"gain": gain, "nc1": nc1}).dropna()
    if len(both) < 5 or both["gain"].nunique() < 2:
        return
    rho, p = hypothesis_tests.spearman(both["nc1"].to_numpy(), both["gain"].to_numpy())
    middle = np.median(both["nc1"])
    low, high = (
        both.loc[part, "gain"].mean() for part in (both["nc1"] <= middle, both["nc1"] > middle)
    )
    yield (
        f"Neural collapse: k = {FEW} gains {low:+.1f} points over k = 1 where NC1 is at most {middle:.2f} and {high:+.1f} where it is "
        f"more; {_relation(rho, p)} (Spearman's rho = {rho:.2f}, p = {p:.1g}, {len(both)} (FM, task))."
    )


def _relation(rho: float, p: float) -> str:
    """What a rank correlation of NC1 and gain, and its p, say."""
    if not p < CHANCE:
        return "that gain and NC1 go together cannot be told from chance"
    return "gain rises with NC1" if rho > 0 else "gain falls as NC1 rises"
