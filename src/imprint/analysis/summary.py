"""The summary of a study: in a few lines, what was run and what won.

Each sentence states a number or the result of a test, with its direction. A sentence that the scores do not support is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from imprint.analysis import matrices, ranking
from imprint.analysis.differences import (
    FEWEST,
    JOINT,
    Difference,
    difference,
    differences,
    separate_datasets,
    too_few,
)
from imprint.analysis.distinct_rows import distinct
from imprint.analysis.gains import K, gains_and_nc1, gains_by_draw
from imprint.analysis.gens import sees_all_classes
from imprint.analysis.hypothesis_tests import ALPHA, without_rounding_errors
from imprint.analysis.selection import method_in_words, norms_in_words
from imprint.analysis.splits import of_split
from imprint.formatting import count
from imprint.method.presets import PRESETS

ONE, MANY, WHITENED = (
    PRESETS[name].configuration.columns() for name in ("qi", "westerhoff", "whiten")
)
GAIN = f"Several proxies: replacing the mean by {MANY['k']} k-means proxies per class (NORM l2, AGG max) changes"
WHITENING = (
    f"Whitening: replacing {MANY['k']} k-means proxies per class (NORM l2) by one whitened mean "
    f"(NORM {norms_in_words(WHITENED)}) changes"
)
COLLAPSED = 1.0  # NC1 up to which the paper calls a task's classes collapsed
COMPARED = 0.9  # share of the most pairs of FM and task of a configuration that the best must have been run on
UNITED = '"d in 1" with d above 1'  # a task that joins datasets or merges classes by `label_map` has no d
NAMED = 3  # most pairs of differing methods that are named


def lines(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The sentences of the summary.

    In this order: what was run; the named methods, and which of them differ; the best configuration; the gain by several
    proxies; the gain by whitening; NC1.

    scores, collapse: all rows of the study. presets: see `imprint.method.presets.preset_rows`.
    """
    return [
        _extent(scores),
        *_named(scores, presets),
        *_best(scores),
        *_change(scores, {"one": ONE, "many": MANY}, GAIN),
        *_change(scores, {"many": MANY, "whitened": WHITENED}, WHITENING),
        *_collapse(scores, collapse),
    ]


def _extent(scores: pd.DataFrame) -> str:
    fms, tasks = scores["fm"].nunique(), scores["task"].nunique()
    seeds = scores["seed"].nunique()
    of_tasks = scores["datasets"].drop_duplicates().astype(str)
    datasets = {name for names in of_tasks for name in names.split(JOINT)}
    of_family = scores.groupby("family", observed=True)["task"].nunique()
    parts = [f"{family}: {number}" for family, number in of_family.items() if number > 1]
    of_families = f" ({', '.join(parts)})" if parts else ""
    left_out = ""
    if fewer := _with_fewer_images(scores):
        left_out = f" Left out: {' and '.join(fewer)}, run with fewer training images only."
    return (
        f"Run: {len(scores):,} scores of {count(fms, 'FM')} on {count(tasks, 'task')}{of_families} "
        f"from {count(len(datasets), 'dataset')}, with {count(seeds, 'seed')}. "
        "Accuracies are on test data, medians over seeds and draws, and means of these over pairs of FM and task"
        f"{matrices.with_few_shots(scores)}.{left_out}"
    )


def _with_fewer_images(scores: pd.DataFrame) -> list[str]:
    """How many pairs of FM and task, and how many configurations, have no row among the fullest, in words: "1 of 3 pairs"."""
    fullest, parts = matrices.fullest(scores), []
    for columns, noun in ((matrices.PAIR, "pair"), (matrices.METHOD, "configuration")):
        every, with_most = (len(distinct(rows, columns)[1]) for rows in (scores, fullest))
        if with_most < every:
            parts.append(f"{every - with_most} of {count(every, noun)}")
    return parts


def _named(scores: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The named methods ranked over their common (FM, task), and which differ; then all of them, if some have fewer tasks."""
    matrix = matrices.preset_matrix(scores, presets)
    ranked = ranking.rank_methods(matrix)
    if not ranked.rows or len(ranked.summary) < 2:
        return
    text = f"Named methods by mean rank, and mean accuracy, {_ranking(ranked)}"
    yield " ".join([text, *ranked.gaps])
    yield from _differing(scores, ranked)
    with_all = matrix.dropna()
    if len(ranked.summary) < matrix.shape[1] and len(with_all) > 1:
        yield f"All named methods, {_ranking(ranking.rank_methods(with_all))}"


def _differing(scores: pd.DataFrame, ranked: ranking.RankedMethods) -> Iterator[str]:
    """Which of the ranked methods differ."""
    pairs = differences(ranked.accuracies, _datasets(scores, ranked.accuracies))
    compared = pairs[0].difference.datasets
    if compared < FEWEST:
        yield f"Differences between them: not tested. {too_few(compared)}"
        return
    differing = sorted(
        (pair for pair in pairs if pair.p_holm < ALPHA),
        key=lambda pair: -abs(pair.difference.estimate),
    )
    methods = len(ranked.summary)
    needed = ranking.pairs_needed(methods)
    if compared < needed:
        yield (
            f"Differences between them: with {compared} datasets no two of {methods} methods can differ significantly (signed-rank, "
            f"Holm, p < {ALPHA:g}), which needs {needed}; the table of tests has an interval for each difference by itself."
        )
        return
    over = f"over {compared} datasets (signed-rank, Holm, p < {ALPHA:g})"
    if not differing:
        yield f"Differences between them: no two of the named methods differ significantly {over}."
        return
    phrases = [_above(pair.first, pair.second, pair.difference) for pair in differing[:NAMED]]
    yield (
        f"Differences between them: {len(differing)} of {len(pairs)} pairs of named methods differ {over}"
        f"{', most of all' if len(differing) > NAMED else ''}: on a typical dataset {'; '.join(phrases)}."
    )


def _ranking(ranked: ranking.RankedMethods) -> str:
    """The mean rank and accuracy of each method, after the (FM, task) of the ranking."""
    methods = [
        f"{name} {row['mean_rank']:.1f} ({100 * row['mean']:.1f}%)"
        for name, row in ranked.summary.iterrows()
    ]
    has_one_fm = len(ranked.accuracies.index.unique("fm")) == 1
    where = f"{'with' if has_one_fm else 'over'} {matrices.extent(ranked.accuracies)}"
    return f"{where}: {', '.join(methods)}."


def _datasets(scores: pd.DataFrame, compared: pd.DataFrame | pd.Series) -> dict[str, str]:
    """The datasets of the tasks that are compared, see `separate_datasets`."""
    return separate_datasets(scores, compared.index.unique("task"))


def _above(first: str, second: str, of_pair: Difference) -> str:
    """Which of two methods that differ is above, by the estimate that the test and the interval concern."""
    # methods that are equal on most datasets can differ with an estimate of 0
    if (of_pair.estimate or of_pair.better - of_pair.worse) < 0:
        first, second = second, first
    points = f"{abs(100 * of_pair.estimate):.1f}"
    return f"{first} above {second} by {'less than 0.1' if points == '0.0' else points} points"


def _best(scores: pd.DataFrame) -> Iterator[str]:
    """The best configuration and, if it sees all classes, also the best of those that see one class at a time."""
    configurations, matrix = matrices.by_configuration(scores)
    if matrix.empty:
        return
    every = len(matrix)
    most = math.ceil(matrix.notna().sum().max() * COMPARED)
    matrix = matrix.loc[matrix.dropna(axis="columns", thresh=most).dropna().index]
    matrix = matrix.dropna(axis="columns")
    if matrix.empty:
        return
    means = 100 * matrix.mean().to_numpy()
    run = cast("list[dict[str, Any]]", configurations.loc[matrix.columns].to_dict("records"))
    best = int(means.argmax())
    of_all = f"all {every}" if len(matrix) == every else f"{len(matrix)} of the {every}"
    pairs = f"{of_all} pairs of FM and task" if every > 1 else "the FM and task"
    number = matrix.shape[1]
    all_run = f"the {number} configurations that were" if number > 1 else "the only configuration"
    images = ""
    if _with_fewer_images(scores):
        images = f" with {matrices.few_shots(scores) or 'all training images'}"

    def in_words(position: int, among: np.ndarray) -> str:
        """A configuration and its mean, and how many others of those `among` have the same mean."""
        others = int((without_rounding_errors(means[among] - means[position]) == 0).sum()) - 1
        level = f", the same as {count(others, 'other')}" if others else ""
        return f"{method_in_words(run[position])}: {means[position]:.1f}%{level}"

    text = (
        f"Best mean accuracy of {all_run} run{images} on {pairs}: "
        f"{in_words(best, np.full(number, True))} (chosen and scored on the same test data)"
    )
    see_all = [sees_all_classes(m["gen"], [m[name] for name in matrices.NORM]) for m in run]
    per_class = np.array([each is False for each in see_all])
    if not per_class[best] and per_class.any():
        other = int(np.where(per_class, means, -np.inf).argmax())
        which = "known to" if None in see_all else "that"
        text += f"; of those {which} see one class at a time {in_words(other, per_class)}"
    yield f"{text}."


def _change(
    scores: pd.DataFrame, methods: Mapping[str, Mapping[str, Any]], change: str
) -> Iterator[str]:
    """How the second method changes the accuracy of the first, separately for tasks "d in 1" with d above 1."""
    matrix = matrices.accuracy_matrix(scores, methods).dropna()
    if len(matrix) < 2:
        return
    gain = 100 * matrix.diff(axis=1).iloc[:, 1]
    gain[:] = without_rounding_errors(gain.to_numpy())
    united = gain.index.get_level_values("task").isin(
        scores.loc[scores["d"].fillna(1) > 1, "task"].unique()
    )
    parts = [
        (gains, _datasets(scores, gains)) for gains in (gain[~united], gain[united]) if len(gains)
    ]
    phrases = [
        f"{_points(gains, datasets)}, better in {(gains > 0).sum()} of {count(len(gains), 'pair')}"
        for gains, datasets in parts
    ]
    text = f"{change} the accuracy {phrases[0]}"
    if len(parts) > 1:
        text += f". On tasks {UNITED} it changes {phrases[1]}"
    elif united.any():
        text += f", all {UNITED}"
    few = [number for part in parts if (number := difference(*part).datasets) < FEWEST]
    yield f"{text}. {too_few(max(few))}" if few else f"{text}."


def _points(gain: pd.Series, datasets: Mapping[str, str]) -> str:
    """The gain on a typical dataset with its interval or, with few datasets, the mean gain on each."""
    over_datasets = difference(gain, datasets)
    if over_datasets.datasets >= FEWEST:
        return (
            f"typically by {over_datasets.estimate:+z.1f} points over {over_datasets.datasets} datasets "
            f"(95% interval {over_datasets.low:+z.1f} to {over_datasets.high:+z.1f})"
        )
    owners = gain.index.get_level_values("task").astype(str).map(datasets)
    return "by " + ", ".join(
        f"{gains.mean():+z.1f} points on {name} ({count(len(gains), 'pair')})"
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
        f"{gains.mean():+z.1f} points where NC1 is {where} ({count(len(gains), 'pair')}"
        f"{f', {uniting} of them {UNITED}' if uniting else ''})"
        for gains, uniting, where in sides
    ]
    yield (
        f"Neural collapse: going from k = 1 to k = {K} changes the accuracy, here the mean over seeds and draws, "
        f"by {' and by '.join(phrases)}."
    )
