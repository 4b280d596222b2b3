"""Differences between methods, and how sure they are for datasets and FMs like those of a study.

(FM, task) pairs that share a dataset or an FM are not independent, and a test that counts each of them finds
differences that are none: `python -m benchmarks.inference` says how often. Here a dataset is one observation. Tasks that
share images, such as parts of one dataset, are averaged, and so are FMs. The difference of a pair of methods is then
tested over the datasets by Wilcoxon's signed-rank test. FMs are a sample too: where their differences vary more than
chance explains, the interval is stretched by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from imprint.analysis.hypothesis_tests import holm, location_p, signed_rank_interval

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
FEWEST = 6  # datasets for an interval: no difference over five can reach p < 0.05
JOINT = "+"  # between the names of the datasets of one task


@dataclass(frozen=True)
class Difference:
    """The difference of two methods over datasets; NaN where there are too few for an interval and p.

    Attributes
    ----------
    mean : float
        Mean over datasets of the mean difference over FMs and the dataset's tasks.
    low, high : float
        Ends of the 95% interval of the typical difference (the pseudo-median over datasets).
    p : float
        Two-sided p that there is none; below 0.05 where the interval leaves out 0.
    datasets, better, worse : int
        Datasets that share no images, and on how many of them the mean difference is above and below 0.
    """

    mean: float
    low: float
    high: float
    p: float
    datasets: int
    better: int
    worse: int


@dataclass(frozen=True)
class PairOfMethods:
    """The difference first - second of two methods; `p_holm` is its p, adjusted for the number of pairs (Holm)."""

    first: str
    second: str
    difference: Difference
    p_holm: float


def separate_datasets(scores: pd.DataFrame) -> dict[str, str]:
    """For each task the datasets that share images with it, through other tasks too, as one name.

    scores: rows with the columns task and datasets. Tasks of equal names are independent of all others.
    """
    tasks = scores[["task", "datasets"]].drop_duplicates().astype(str)
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
        Differences by (fm, task), and further levels such as draw, without missing ones.
    datasets : mapping
        See `separate_datasets`.

    Returns
    -------
    Difference
        In the unit of the values.
    """
    fm, task = (values.index.get_level_values(name).astype(str) for name in ("fm", "task"))
    # 0.3 - 0.2 and 0.2 - 0.1 are one difference to a reader; rounding keeps their tie
    cells = values.groupby([task.map(datasets), fm]).mean().unstack().round(12)
    of_datasets = cells.mean(axis=1).to_numpy()
    if not len(of_datasets):
        return Difference(np.nan, np.nan, np.nan, np.nan, 0, 0, 0)
    better, worse = int((of_datasets > 0).sum()), int((of_datasets < 0).sum())
    low = high = p = np.nan
    if len(of_datasets) >= FEWEST:
        centre, low, high = signed_rank_interval(of_datasets, LEVEL)
        stretch = _stretch(cells.to_numpy())
        low, high = centre - stretch * (centre - low), centre + stretch * (high - centre)
        p = location_p(of_datasets - centre + centre / stretch)
    return Difference(float(of_datasets.mean()), low, high, p, len(cells), better, worse)


def differences(matrix: pd.DataFrame, datasets: Mapping[str, str]) -> tuple[PairOfMethods, ...]:
    """The differences of all pairs of methods, the columns of an accuracy matrix without missing cells."""
    pairs = list(combinations(matrix.columns, 2))
    of_pairs = [difference(matrix[a] - matrix[b], datasets) for a, b in pairs]
    adjusted = holm([each.p for each in of_pairs])
    return tuple(
        PairOfMethods(str(a), str(b), each, float(p))
        for (a, b), each, p in zip(pairs, of_pairs, adjusted, strict=True)
    )


def too_few(datasets: int) -> str:
    """A sentence on a number of datasets that is too small for an interval."""
    count = "One dataset" if datasets == 1 else f"{datasets} datasets"
    return f"{count}: too few to say anything of others; a test over datasets takes {FEWEST}."


def _stretch(cells: np.ndarray) -> float:
    """How much wider an interval over datasets becomes where FMs are a sample too; cells: (datasets, FMs), NaN missing.

    Variances of the mean, as in an analysis of variance of two crossed random factors: that over datasets, and what
    the means of FMs vary by beyond the residual; degrees of freedom after Satterthwaite 1946.
    """
    rows, columns = cells.shape
    of_rows, of_columns = np.nanmean(cells, axis=1), np.nanmean(cells, axis=0)
    count = int((~np.isnan(cells)).sum())
    free = count - rows - columns + 1
    over_datasets = of_rows.var(ddof=1) / rows
    if columns < 2 or free < 1 or over_datasets == 0:
        return 1.0
    residual = cells - of_rows[:, None] - of_columns + of_rows.mean()
    over_fms = of_columns.var(ddof=1) / columns - np.nansum(residual**2) / free / count
    if over_fms <= 0:
        return 1.0
    from scipy.stats import t

    both = over_datasets + over_fms
    degrees = both**2 / (over_datasets**2 / (rows - 1) + over_fms**2 / (columns - 1))
    tail = (1 + LEVEL) / 2
    return float(np.sqrt(both / over_datasets) * t.ppf(tail, degrees) / t.ppf(tail, rows - 1))
