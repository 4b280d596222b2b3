"""The summary of a study: in a few lines, what was run and what won.

Each sentence states a number or the result of a test, with its direction. A sentence that the scores do not support is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from imprint.analysis import matrices, ranking
from imprint.analysis.differences import (
    FEWEST,
    Difference,
    difference,
    differences,
    separate_datasets,
    too_few,
)
from imprint.analysis.gains import K, gains_and_nc1, gains_by_draw
from imprint.analysis.gens import gens_of_all_classes, k_in_words
from imprint.analysis.selection import L2_MAX, describe, norms_in_words
from imprint.analysis.splits import of_split
from imprint.analysis.words import count
from imprint.method.presets import PRESETS

L2 = {**L2_MAX, "weighting": None, "m": None}
COLLAPSED = 1.0  # NC1 up to which the paper calls a task's classes collapsed
MANY = 20  # proxies per class whose gain is given
NAMED = 3  # most pairs of differing methods that are named


def lines(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Sentences on the extent, the named methods and which differ, the best of all, the gain of several proxies and of whitening, NC1.

    scores, collapse: all rows of the study. presets: see `imprint.method.presets.published`.
    """
    datasets = separate_datasets(scores)
    return [
        _extent(scores, datasets),
        *_named(scores, datasets, presets),
        *_best(scores),
        *_gain(scores, datasets),
        *_whitening(scores, datasets),
        *_collapse(scores, collapse),
    ]


def _extent(scores: pd.DataFrame, datasets: Mapping[str, str]) -> str:
    fms, tasks = scores["fm"].nunique(), scores["task"].nunique()
    seeds = scores["seed"].nunique()
    return (
        f"Run: {len(scores):,} scores of {count(fms, 'FM')} on {count(tasks, 'task')} "
        f"from {count(len(set(datasets.values())), 'dataset')}, with {count(seeds, 'seed')}. "
        "Accuracies are on test data, medians over seeds and draws, and means of these over pairs of FM and task."
    )


def _named(
    scores: pd.DataFrame,
    datasets: Mapping[str, str],
    presets: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    """The named methods ranked over the (FM, task) that they share, and which of them differ."""
    matrix = matrices.preset_matrix(scores, presets)
    with_all = matrix.dropna(axis="columns", how="all").dropna()
    ranked = ranking.rank_methods(matrix if with_all.empty else with_all)
    if not ranked.rows or len(ranked.summary) < 2:
        return
    shown = [
        f"{name} {row['mean_rank']:.1f} ({100 * row['mean']:.1f}%)"
        for name, row in ranked.summary.iterrows()
    ]
    yield f"Named methods by mean rank, and mean accuracy, {_where(ranked.accuracies)}: {', '.join(shown)}."
    pairs = differences(ranked.accuracies, datasets)
    compared = pairs[0].difference.datasets
    if compared < FEWEST:
        yield f"Differences between them: not tested. {too_few(compared)}"
        return
    differing = sorted(
        (pair for pair in pairs if pair.p_holm < ranking.ALPHA),
        key=lambda pair: -abs(pair.difference.mean),
    )
    methods = len(ranked.summary)
    needed = ranking.pairs_needed(methods)
    if compared < needed:
        yield (
            f"Differences between them: with {compared} datasets no two of {methods} methods can differ significantly (signed-rank, "
            f"Holm, p < {ranking.ALPHA:g}), which needs {needed}; the table of tests has an interval for each difference by itself."
        )
        return
    over = f"over {compared} datasets (signed-rank, Holm, p < {ranking.ALPHA:g})"
    if not differing:
        yield f"Differences between them: no two of the named methods differ significantly {over}."
        return
    phrases = [_above(pair.first, pair.second, pair.difference) for pair in differing[:NAMED]]
    yield (
        f"Differences between them: {len(differing)} of {len(pairs)} pairs of named methods differ {over}"
        f"{', most of all' if len(differing) > NAMED else ''}: {'; '.join(phrases)}."
    )


def _above(first: str, second: str, of_pair: Difference) -> str:
    points = 100 * of_pair.mean
    if points < 0:
        first, second = second, first
    return f"{first} above {second} by {abs(points):.1f} points"


def _where(matrix: pd.DataFrame) -> str:
    """The rows (FM, task) of a matrix in words; one FM is named."""
    fms = matrix.index.get_level_values("fm").unique()
    if len(fms) == 1:
        return f"with {fms[0]} on {count(len(matrix), 'task')}"
    return f"over {len(matrix)} pairs of FM and task"


def _best(scores: pd.DataFrame) -> Iterator[str]:
    """The best configuration and, if it sees all classes, also the best of those that see one class at a time."""
    configurations, matrix = matrices.by_configuration(scores)
    matrix = matrix.dropna(
        axis="columns", thresh=max(1, int(matrix.notna().sum().max() * 0.9))
    ).dropna()
    if not matrix.size:
        return
    means = 100 * matrix.mean().to_numpy()
    run = configurations.loc[matrix.columns]
    best = int(means.argmax())
    pairs = f"all {len(matrix)} pairs of FM and task" if len(matrix) > 1 else "the FM and task"
    text = (
        f"Best of the {count(matrix.shape[1], 'configuration')} that were run on {pairs}: "
        f"{_in_words(run.iloc[best])}: {means[best]:.1f}% (chosen and scored on the same test data)"
    )
    per_class = ~run["gen"].isin(gens_of_all_classes()).to_numpy()
    if not per_class[best] and per_class.any():
        other = int(np.where(per_class, means, -np.inf).argmax())
        text += (
            "; of those that see one class at a time "
            f"{_in_words(run.iloc[other])}: {means[other]:.1f}%"
        )
    yield f"{text}."


def _in_words(configuration: pd.Series) -> str:
    method = cast("dict[str, Any]", configuration.to_dict())
    return f"{method['gen']}, {k_in_words(method['gen'], method['k'])}, {describe(method)}"


def _gain(scores: pd.DataFrame, datasets: Mapping[str, str]) -> Iterator[str]:
    methods: dict[str, dict[str, Any]] = {
        "one": {"gen": "mean", "k": None, **L2},
        "many": {"gen": "kmeans", "k": MANY, **L2},
    }
    yield from _change(
        scores,
        methods,
        datasets,
        f"Several proxies: replacing the mean by {MANY} k-means proxies per class (NORM l2, AGG max) changes",
    )


def _whitening(scores: pd.DataFrame, datasets: Mapping[str, str]) -> Iterator[str]:
    """How one whitened mean per class changes the accuracy of several proxies."""
    methods: dict[str, dict[str, Any]] = {
        "many": {"gen": "kmeans", "k": MANY, **L2},
        "whitened": dict(PRESETS["whiten"].configuration.columns()),
    }
    yield from _change(
        scores,
        methods,
        datasets,
        f"Whitening: replacing {MANY} k-means proxies per class (NORM l2) by one whitened mean "
        f"(NORM {norms_in_words(methods['whitened'])}) changes",
    )


def _change(
    scores: pd.DataFrame,
    methods: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, str],
    change: str,
) -> Iterator[str]:
    """How the second method changes the accuracy of the first, separately for tasks whose classes unite several others."""
    matrix = matrices.accuracy_matrix(scores, methods).dropna()
    if len(matrix) < 2:
        return
    gain = 100 * matrix.diff(axis=1).iloc[:, 1].round(12)
    united = gain.index.get_level_values("task").isin(
        scores.loc[scores["d"].fillna(1) > 1, "task"].unique()
    )
    parts = [gains for gains in (gain[~united], gain[united]) if len(gains)]
    phrases = [
        f"by {_points(gains, datasets)}, better in {(gains > 0).sum()} of {count(len(gains), 'pair')}"
        for gains in parts
    ]
    text = f"{change} the accuracy {phrases[0]}"
    if len(parts) > 1:
        text += f". On tasks whose classes unite several others it changes {phrases[1]}"
    elif united.any():
        text += ", all with classes that unite several others"
    few = [number for gains in parts if (number := difference(gains, datasets).datasets) < FEWEST]
    yield f"{text}. {too_few(max(few))}" if few else f"{text}."


def _points(gain: pd.Series, datasets: Mapping[str, str]) -> str:
    """The mean gain over datasets with its interval or, with few datasets, the mean gain on each."""
    mean_gain = difference(gain, datasets)
    if mean_gain.datasets >= FEWEST:
        return (
            f"{mean_gain.mean:+.1f} points over {mean_gain.datasets} datasets "
            f"(95% interval {mean_gain.low:+.1f} to {mean_gain.high:+.1f})"
        )
    owners = gain.index.get_level_values("task").astype(str).map(datasets)
    return ", ".join(
        f"{gains.mean():+.1f} points on {name} ({count(len(gains), 'pair')})"
        for name, gains in gain.groupby(owners)
    )


def _collapse(scores: pd.DataFrame, collapse: pd.DataFrame) -> Iterator[str]:
    points = gains_and_nc1(gains_by_draw(scores), of_split(collapse))
    united = points["d"].fillna(1) > 1
    sides = [
        (points.loc[part, "gain"], int(united[part].sum()), where)
        for part, where in (
            (points["nc1"] <= COLLAPSED, f"at most {COLLAPSED:g}"),
            (points["nc1"] > COLLAPSED, f"above {COLLAPSED:g}"),
        )
        if part.any()
    ]
    if len(points) < 2 or len(sides) < 2:
        return
    phrases = [
        f"{gains.mean():+.1f} points where NC1 is {where} ({count(len(gains), 'pair')}"
        f"{f', {uniting} of them with classes that unite others' if uniting else ''})"
        for gains, uniting, where in sides
    ]
    yield f"Neural collapse: going from k = 1 to k = {K} changes the accuracy by {' and by '.join(phrases)}."
