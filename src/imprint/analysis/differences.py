"""Differences between methods, with intervals that hold for datasets and FMs like those of a study.

(FM, task) pairs that share a dataset or an FM are not independent, and a test that counts each of them finds
differences where there are none: `python -m benchmarks.inference` measures how often. Here a dataset is one observation.
Tasks that share images, such as parts of one dataset, are averaged, and so are FMs. The difference of two methods is then
tested over the datasets by Wilcoxon's signed-rank test. FMs are a sample too: where their differences vary more than
chance explains, the interval is widened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imprint.analysis.hypothesis_tests import (
    LEVEL,
    holm,
    location_p,
    signed_rank_interval,
    without_rounding_errors,
)

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 6  # datasets for an interval: no difference over five can reach p < 0.05
ROUNDING = 1e-12  # equal means may differ by this
JOINT = "+"  # between the names of the datasets of one task


@dataclass(frozen=True)
class Difference:
    """The difference of two methods over datasets. With too few datasets, the estimate, the interval and p are NaN.

    Attributes
    ----------
    mean : float
        Mean over datasets of the mean difference over FMs and the dataset's tasks.
    estimate : float
        The difference on a typical dataset: the Hodges-Lehmann estimate of the pseudo-median over datasets. One extreme dataset
        can give the mean another sign.
    low, high : float
        Ends of the 95% interval of the same pseudo-median.
    p : float
        Two-sided p of no difference; below 0.05 where the interval excludes 0, apart from ties.
    datasets, better, worse : int
        Number of datasets that share no images, and of those with a mean difference above and below 0.
    """

    mean: float
    estimate: float
    low: float
    high: float
    p: float
    datasets: int
    better: int
    worse: int


@dataclass(frozen=True)
class PairOfMethods:
    """The difference first - second of two methods; `p_holm` is its p after Holm's correction for the number of pairs."""

    first: str
    second: str
    difference: Difference
    p_holm: float


def separate_datasets(
    scores: pd.DataFrame, compared: Iterable[object] | None = None
) -> dict[str, str]:
    """By task, the datasets that share images with it, directly or through other tasks, joined to one name.

    Parameters
    ----------
    scores : DataFrame
        Rows with the columns task and datasets.
    compared : iterable of str, optional
        The tasks that are compared, by default all: others would join datasets that are independent here.

    Returns
    -------
    dict
        Tasks with different names are independent.
    """
    tasks = scores[["task", "datasets"]].drop_duplicates().astype(str)
    if compared is not None:
        tasks = tasks[tasks["task"].isin(set(map(str, compared)))]
    of_task = {task: datasets.split(JOINT) for task, datasets in tasks.itertuples(index=False)}
    joined: dict[str, list[str]] = {}
    for datasets in of_task.values():
        together = list(dict.fromkeys(n for name in datasets for n in joined.get(name, [name])))
        for name in together:
            joined[name] = together
    return {task: JOINT.join(joined[datasets[0]]) for task, datasets in of_task.items()}


def difference(values: pd.Series, datasets: Mapping[str, str]) -> Difference:
    """The mean of differences, and its interval over datasets.

    Parameters
    ----------
    values : Series
        Differences by (fm, task) and further levels such as draw, without missing values.
    datasets : mapping
        See `separate_datasets`.

    Returns
    -------
    Difference
        In the unit of the values.
    """
    fm, task = (values.index.get_level_values(name).astype(str) for name in ("fm", "task"))
    cells = values.groupby([task.map(datasets), fm]).mean().unstack()
    of_datasets = without_rounding_errors(cells.mean(axis=1).to_numpy())
    if not len(of_datasets):
        return Difference(np.nan, np.nan, np.nan, np.nan, np.nan, 0, 0, 0)
    better, worse = int((of_datasets > 0).sum()), int((of_datasets < 0).sum())
    centre = low = high = p = np.nan
    if len(of_datasets) >= FEWEST:
        centre, low, high = signed_rank_interval(of_datasets)
        variances = _variances(cells.to_numpy())
        if not variances.over_datasets and variances.over_fms:
            low, high, p = _over_fms(centre, variances.over_fms, cells.shape[1])
        else:
            widening = _widening_by_fms(variances, *cells.shape)
            low, high = centre - widening * (centre - low), centre + widening * (high - centre)
            p = location_p(of_datasets - centre + centre / widening)
    mean = float(of_datasets.mean())
    return Difference(mean, centre, low, high, p, len(cells), better, worse)


def differences(matrix: pd.DataFrame, datasets: Mapping[str, str]) -> tuple[PairOfMethods, ...]:
    """The differences of all pairs of methods (columns) of an accuracy matrix without missing cells; none if it has no rows."""
    if matrix.empty:
        return ()
    pairs = list(combinations(matrix.columns, 2))
    of_pairs = [difference(matrix[a] - matrix[b], datasets) for a, b in pairs]
    adjusted = holm([each.p for each in of_pairs])
    return tuple(
        PairOfMethods(str(a), str(b), each, float(p))
        for (a, b), each, p in zip(pairs, of_pairs, adjusted, strict=True)
    )


def too_few(datasets: int) -> str:
    """A sentence that says that there are too few datasets for an interval."""
    count = "One dataset is" if datasets == 1 else f"{datasets} datasets are"
    return f"{count} too few to generalise to others: a test over datasets needs at least {FEWEST}."


class _Variances(NamedTuple):
    """The variances of a mean over datasets and FMs that are due to each; 0 if there is none to be seen."""

    over_datasets: float
    over_fms: float


def _variances(cells: np.ndarray) -> _Variances:
    """An analysis of variance of two crossed random factors; cells: (datasets, FMs), NaN if missing.

    The variance over FMs is that of their means beyond the residual. The mean of an FM is over deviations from the means of
    datasets: FMs that lack different datasets would differ by these.
    """
    rows, columns = cells.shape
    of_rows = np.nanmean(cells, axis=1)
    over_datasets = of_rows.var(ddof=1) / rows if np.ptp(of_rows) > ROUNDING else 0.0
    count = int((~np.isnan(cells)).sum())
    free = count - rows - columns + 1
    if columns < 2 or free < 1:
        return _Variances(over_datasets, 0.0)
    deviations = cells - of_rows[:, None]
    of_columns = np.nanmean(deviations, axis=0)
    residual = np.nansum((deviations - of_columns) ** 2) / free
    over_fms = of_columns.var(ddof=1) / columns - residual / count
    return _Variances(over_datasets, over_fms if over_fms > ROUNDING**2 else 0.0)


def _widening_by_fms(variances: _Variances, datasets: int, fms: int) -> float:
    """The factor, at least 1, that widens an interval over datasets as FMs are a sample too.

    Degrees of freedom after Satterthwaite 1946.
    """
    over_datasets, over_fms = variances
    if not over_fms:
        return 1.0
    from scipy.stats import t

    total = over_datasets + over_fms
    degrees = total**2 / (over_datasets**2 / (datasets - 1) + over_fms**2 / (fms - 1))
    tail = (1 + LEVEL) / 2
    widening = np.sqrt(total / over_datasets) * t.ppf(tail, degrees) / t.ppf(tail, datasets - 1)
    # a little variance over FMs can add more degrees of freedom than width
    return max(1.0, float(widening))


def _over_fms(mean: float, variance: float, fms: int) -> tuple[float, float, float]:
    """The interval and p over FMs alone, for an interval over datasets of width 0, which cannot be widened."""
    from scipy.stats import t

    of_mean = t(fms - 1, mean, np.sqrt(variance))
    low, high = of_mean.interval(LEVEL)
    return float(low), float(high), float(2 * min(of_mean.cdf(0), of_mean.sf(0)))
