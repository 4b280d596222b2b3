"""Simulated coverage of 95% intervals, and how often a study of equal methods finds a difference.

    python -m benchmarks.inference [--studies 1000] [--tables independent dependent errors fms]

Four tables: the coverage of candidates for an interval of n independent differences; the coverage of the interval of
`imprint.analysis.differences` over datasets, if differences share datasets and FMs; the share of studies of equal methods in
which the paper's procedure (Friedman, then Wilcoxon with Holm, each (FM, task) an observation) and ours find a pair of methods
different; and this share for two methods and ours, by the number of FMs. Populations have mean 0 and variance 1: normal, skewed
(exponential), heavy tails (Student's t with 3 degrees), two humps.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.options import new_parser
from imprint.analysis.differences import difference, differences
from imprint.analysis.hypothesis_tests import friedman, holm, signed_rank, signed_rank_interval
from imprint.analysis.ranking import pairs_needed

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
POPULATIONS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "skewed": lambda rng, size: rng.exponential(size=size) - 1,
    "heavy": lambda rng, size: rng.standard_t(3, size) / np.sqrt(3),
    "humps": lambda rng, size: 0.9 * rng.choice([-1, 1], size) + 0.436 * rng.standard_normal(size),
}
SIZES = (6, 8, 12, 18, 24, 48)
METHODS = 5
MANY = 400_000  # draws for the true location


class Design(NamedTuple):
    """A study: FMs, datasets, tasks per dataset, and the shares of a difference's variance due to datasets and FMs."""

    fms: int
    datasets: int
    tasks: int
    within_datasets: float = 0.3
    within_fms: float = 0.1

    @property
    def pairs(self) -> int:
        """(FM, task) pairs."""
        return self.fms * self.datasets * self.tasks


DESIGNS = (
    Design(4, 3, 4),
    Design(4, 6, 4),
    Design(4, 12, 1),
    Design(4, 12, 4),
    Design(2, 8, 2),
    Design(8, 8, 1),
    Design(1, 12, 4, 0.3, 0),
    Design(4, 12, 4, 0, 0),
)
FMS = (2, 3, 4, 8)
DATASETS = (8, 12, 20)


def student(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(values, (999, len(values))).mean(axis=1)


def percentile(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The expanded percentile interval: tails of Student's t for n, as in Hesterberg 2015."""
    n = len(values)
    tail = stats.norm.cdf(stats.t.ppf(0.025, n - 1) * np.sqrt(n / (n - 1)))
    low, high = np.quantile(resampled_means(values, rng), [tail, 1 - tail])
    return low, high


def bca(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap (Efron 1987)."""
    means = resampled_means(values, rng)
    bias = stats.norm.ppf(np.clip((means < values.mean()).mean(), 1e-3, 1 - 1e-3))
    left_out = values.mean() - (values.sum() - values) / (len(values) - 1)
    acceleration = (left_out**3).sum() / (6 * (left_out**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    tails = stats.norm.cdf(bias + z / (1 - acceleration * z))
    low, high = np.quantile(means, tails)
    return low, high


def bootstrap_t(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    n = len(values)
    samples = rng.choice(values, (999, n))
    spread = samples.std(axis=1, ddof=1) / np.sqrt(n)
    studentised = (samples.mean(axis=1) - values.mean()) / np.maximum(spread, 1e-12)
    low, high = np.quantile(studentised, [0.025, 0.975])
    scale = values.std(ddof=1) / np.sqrt(n)
    return values.mean() - high * scale, values.mean() - low * scale


def hodges_lehmann(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    interval = signed_rank_interval(values)
    return interval.low, interval.high


CANDIDATES = {
    "BCa bootstrap": bca,
    "Student's t": student,
    "bootstrap-t": bootstrap_t,
    "expanded percentile": percentile,
    "Hodges-Lehmann": hodges_lehmann,
}


def pseudo_median(values: np.ndarray) -> float:
    """The location that a Hodges-Lehmann interval covers: the median of the means of two independent values."""
    half = len(values) // 2
    return float(np.median((values[:half] + values[half : 2 * half]) / 2))


def coverage_of_independent(studies: int) -> None:
    print("Coverage (%) of 95% intervals of n independent differences, by population")
    print(f"{'':22}{'n':>4}  " + "  ".join(f"{name:>7}" for name in POPULATIONS))
    for name, interval in CANDIDATES.items():
        for n in SIZES:
            shares = []
            for draw in POPULATIONS.values():
                rng = np.random.default_rng(0)
                centre = 0.0
                if interval is hodges_lehmann:
                    centre = pseudo_median(draw(rng, (MANY,)))
                ends = [interval(values, rng) for values in draw(rng, (studies, n))]
                shares.append(np.mean([low <= centre <= high for low, high in ends]))
            print(f"{name:22}{n:4}  " + "  ".join(f"{100 * share:7.1f}" for share in shares))


def dependent(
    design: Design, draw: Draw, rng: np.random.Generator, count: int = 1
) -> list[pd.Series]:
    """Values by (fm, task) that share effects of datasets and of FMs, for `count` independent studies."""
    fms, datasets, tasks = design[:3]
    of_datasets = draw(rng, (count, 1, datasets, 1)) * np.sqrt(design.within_datasets)
    of_fms = draw(rng, (count, fms, 1, 1)) * np.sqrt(design.within_fms)
    rest = 1 - design.within_datasets - design.within_fms
    values = of_datasets + of_fms + draw(rng, (count, fms, datasets, tasks)) * np.sqrt(rest)
    index = pd.MultiIndex.from_product(
        [
            [f"fm{i}" for i in range(fms)],
            [f"d{i}-{j}" for i in range(datasets) for j in range(tasks)],
        ],
        names=["fm", "task"],
    )
    return [pd.Series(study.ravel(), index) for study in values]


def datasets_of(values: pd.Series) -> dict[str, str]:
    return {task: task.partition("-")[0] for task in values.index.unique("task")}


def title(design: Design) -> str:
    return (
        f"{design.fms} FMs x {design.datasets} datasets x {design.tasks} tasks, "
        f"correlations {design.within_datasets:g} and {design.within_fms:g}"
    )


def coverage_of_dependent(studies: int) -> None:
    print("\nCoverage (%) of the interval over datasets, by population ('-': too few datasets)")
    print(f"{'':50}" + "  ".join(f"{name:>7}" for name in POPULATIONS))
    for design in DESIGNS:
        shares = []
        for draw in POPULATIONS.values():
            rng = np.random.default_rng(0)
            # the population of a dataset's mean, averaged over FMs
            one = design._replace(datasets=MANY // design.fms // design.tasks, within_fms=0)
            rest = np.sqrt((1 - sum(design[3:])) / (1 - design.within_datasets))
            of_datasets = draw(rng, (one.datasets,)) * np.sqrt(design.within_datasets)
            noise = draw(rng, (design.fms * design.tasks, one.datasets)).mean(axis=0)
            noise *= np.sqrt(1 - design.within_datasets) * rest
            centre = pseudo_median(of_datasets + noise)
            covered = []
            for values in dependent(design, draw, rng, studies):
                each = difference(values, datasets_of(values))
                covered.append(each.low <= centre <= each.high if each.low == each.low else np.nan)
            shares.append(np.mean(covered))
        print(
            f"{title(design):50}"
            + "  ".join("      -" if np.isnan(s) else f"{100 * s:7.1f}" for s in shares)
        )


def errors(studies: int) -> None:
    print(f"\nStudies (%) of {METHODS} equal methods in which a difference is found at p < 0.05")
    print(f"{'':50}{'Friedman':>10}{'paper':>10}{'here':>10}")
    for design in DESIGNS:
        rng = np.random.default_rng(0)
        rejections = []
        normal = POPULATIONS["normal"]
        columns = [dependent(design, normal, rng, studies) for _ in range(METHODS)]
        for study in zip(*columns, strict=True):
            matrix = pd.DataFrame({f"m{i}": values for i, values in enumerate(study)})
            overall = friedman(matrix)
            some = overall is not None and overall.p < 0.05
            ps = [
                signed_rank(*matrix[list(pair)].to_numpy().T).p for pair in combinations(matrix, 2)
            ]
            pairs = some and holm(ps).min() < 0.05
            ours = any(pair.p_holm < 0.05 for pair in differences(matrix, datasets_of(study[0])))
            rejections.append((some, pairs, ours))
        shares = 100 * np.mean(rejections, axis=0)
        numbers = [f"{share:10.1f}" for share in shares]
        if design.datasets < pairs_needed(METHODS):
            numbers[-1] = f"{'too few':>10}"
        print(f"{title(design):50}" + "".join(numbers))


def errors_by_fms(studies: int) -> None:
    print("\nStudies (%) of two equal methods in which a difference is found at p < 0.05, by FMs")
    print(f"{'':50}" + "".join(f"{fms:7}" for fms in FMS))
    for correlation in (0.1, 0.3):
        for datasets in DATASETS:
            shares = []
            for fms in FMS:
                design = Design(fms, datasets, 4, 0.3, correlation)
                rng = np.random.default_rng(0)
                values = dependent(design, POPULATIONS["normal"], rng, studies)
                shares.append(np.mean([difference(v, datasets_of(v)).p < 0.05 for v in values]))
            text = f"{datasets} datasets x 4 tasks, correlations 0.3 and {correlation:g}"
            print(f"{text:50}" + "".join(f"{100 * share:7.1f}" for share in shares), flush=True)


TABLES = {
    "independent": coverage_of_independent,
    "dependent": coverage_of_dependent,
    "errors": errors,
    "fms": errors_by_fms,
}


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    arguments = parser.parse_args()
    for name in arguments.tables:
        TABLES[name](arguments.studies)


if __name__ == "__main__":
    main()
