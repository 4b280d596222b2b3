"""Coverage and width of the 95% intervals of `imprint compare` for the difference of two heads.

    python -m benchmarks.intervals [--studies 300] [--folds 5]

Samples are drawn from normal classes in 20 dimensions with a shared covariance. The true difference is that of heads fitted to
as many samples as one fold leaves, on 4,000 new samples, averaged over all studies. For comparison, intervals by the t-test over
the differences of folds, with the correction of Nadeau and Bengio (2003).

At the end: five FMs of equal quality. In how many studies is at least one below the best, by the interval of the two alone, and by
the column `level`, which allows for the choice of the best?
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.special import stdtrit
from sklearn.model_selection import StratifiedKFold

from benchmarks.options import new_parser
from benchmarks.printing import print_header, print_row
from imprint import ImprintingClassifier
from imprint.estimator.cross_validation import compare_fms, difference_interval
from imprint.method.presets import PRESETS
from imprint.store.embeddings import Embeddings

HEADS = ("qi", "whiten", "knn", "ridge")
FMS = 5
SIZES = ((40, 4), (200, 8), (200, 2), (800, 8))  # samples and classes
D = 20


def population(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The class means, and the matrix that mixes directions."""
    rng = np.random.default_rng(1)
    mixing = np.eye(D) + 0.4 * rng.normal(size=(D, D))
    return 0.9 * rng.normal(size=(classes, D)), mixing


def drawn(
    of: tuple[np.ndarray, np.ndarray], count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    means, mixing = of
    y = np.arange(count) % len(means)
    return (means[y] + rng.normal(size=(count, D)) @ mixing).astype(np.float32), y


def right(
    head: str, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Which test samples a head labels correctly."""
    model = ImprintingClassifier(method=head, random_state=0).fit(*train)
    return model.predict(test[0]) == test[1]


def by_folds(one: np.ndarray, other: np.ndarray, parts: list[np.ndarray]) -> tuple[float, float]:
    """The interval of the corrected resampled t-test."""
    differences = np.array([one[part].mean() - other[part].mean() for part in parts])
    folds = len(parts)
    half = stdtrit(folds - 1, 0.975) * differences.std(ddof=1)
    half *= np.sqrt(1 / folds + 1 / (folds - 1))
    return differences.mean() - half, differences.mean() + half


def studies(
    samples: int, classes: int, count: int, folds: int
) -> Iterator[tuple[dict[str, float], dict[str, np.ndarray], list[np.ndarray]]]:
    """For each study, the accuracies on new samples, which samples are labelled correctly when held out, and the folds."""
    of = population(classes)
    rng = np.random.default_rng(2)
    new = drawn(of, 4_000, rng)
    for seed in range(count):
        x, y = drawn(of, samples, rng)
        kept = slice(samples * (folds - 1) // folds)
        truth = {head: float(right(head, (x[kept], y[kept]), new).mean()) for head in HEADS}
        held_out = {head: np.zeros(samples, bool) for head in HEADS}
        parts = []
        for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y):
            parts.append(test)
            for head in HEADS:
                held_out[head][test] = right(head, (x[train], y[train]), (x[test], y[test]))
        yield truth, held_out, parts


def print_equal_fms(count: int, folds: int) -> None:
    """Print how often one of several FMs of equal quality counts as below the best."""
    methods = [PRESETS[head].configuration for head in HEADS]
    print_header(["samples, classes", "below by the interval (%)", "by `level` (%)"])
    for samples, classes in SIZES[:2]:
        of, rng, below = population(classes), np.random.default_rng(3), []
        for _ in range(count):
            sets = [drawn(of, samples, rng) for _ in range(FMS)]
            ids, names = np.arange(samples).astype(str), tuple(map(str, range(classes)))
            fms = {f"fm{i}": Embeddings(x, y, ids, names, {}) for i, (x, y) in enumerate(sets)}
            table = compare_fms(fms, methods, folds=folds)
            best = table[~table["fm"].duplicated()]
            below.append([(best["high"] < 0).any(), (~best["level"]).any()])
        print_row(
            [f"{samples}, {classes}", *(f"{100 * share:.1f}" for share in np.mean(below, axis=0))]
        )


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # few samples
    print_header(
        [
            "samples, classes",
            "heads",
            "true difference",
            "here (%)",
            "width",
            "by folds (%)",
            "width",
        ]
    )
    for samples, classes in SIZES:
        each = list(studies(samples, classes, options.studies, options.folds))
        truth = {head: np.mean([accuracies[head] for accuracies, _, _ in each]) for head in HEADS}
        for one, other in combinations(HEADS, 2):
            difference = truth[one] - truth[other]
            ends: dict[str, list[tuple[float, float]]] = {"here": [], "by folds": []}
            for _, held_out, parts in each:
                pair = held_out[one], held_out[other]
                ends["here"].append(difference_interval(*pair, options.folds))
                ends["by folds"].append(by_folds(*pair, parts))
            cells = []
            for intervals in ends.values():
                low, high = np.array(intervals).T
                held = (low <= difference) & (difference <= high)
                cells += [f"{100 * held.mean():.1f}", f"{100 * np.mean(high - low):.1f}"]
            print_row(
                [f"{samples}, {classes}", f"{one} - {other}", f"{100 * difference:+.1f}", *cells]
            )
    print()
    print_equal_fms(options.studies, options.folds)


if __name__ == "__main__":
    main()
