"""Accuracy and cost of heads: imprinting, whitened imprinting and `auto` against each other and against references.

    python -m benchmarks.heads FILE [FILE ...] [--cifar100 FILE] [--cells N] [--seed SEED] [--extras]
    python -m benchmarks.heads --timing [--repeats 3]

FILE holds the embeddings of ten digits: HDF5 with `embeddings` and `labels` in the groups `train` and `test`, or NPZ with
x_train, y_train, x_test and y_test. Each gives 28 cells: the tasks all, even, odd and short (0, 1, 2) with 1 to 200 random
samples per class and with all. The file of `--cifar100`, embeddings of CIFAR-100, gives 36 cells "d in 1": ten new classes of
d original ones each, d = 1, 3, 5, 10, three draws, 10 and 50 samples per new class and all. Every method is a configuration
that the engine scores; seconds are those of fitting. `--extras` adds methods that are no presets, and some that the
library does not have.

`--timing` fits and predicts synthetic embeddings as hard as real ones, 60,000 and 10,000 of them, 512 wide.

All runs on one core: with more, other work on the machine can make k-means ten times slower.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.clock import seconds
from benchmarks.data import Data
from imprint import ImprintingClassifier
from imprint.data.pools import Pool, select, training_rows
from imprint.method.configuration import LOGSUMEXP, Configuration, Fixed, Scoring
from imprint.method.engine import evaluate, predict
from imprint.method.generate.least_squares import pseudo_classes
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.registry import ANY_K
from imprint.method.normalize import FittedNorms, l2
from imprint.method.presets import PRESETS
from imprint.method.ridge import leave_one_out
from imprint.method.scoring import Candidate, candidate

SEED = 17121997
TASKS = {"all": range(10), "even": range(0, 10, 2), "odd": range(1, 10, 2), "short": range(3)}
FULL = "full"
SHOTS = ("1", "2", "5", "10", "50", "200", FULL)
CIFAR100_SHOTS = ("10", "50", FULL)
FEW_SHOTS = {False: "10 shots or more", True: "1 to 5 shots"}
PRODUCT = ("max", "inner_product")
LS_LAMBDA = 1e-4


def kmeans(k: int, norm_pre: str, norm_post: str) -> Configuration:
    """K-means proxies; test embeddings are scaled to unit length."""
    return Configuration(norm_pre, "kmeans", Fixed(k), Scoring(norm_post, "l2", *PRODUCT))


AUTO, PROBE = "auto", "probe"
WHITENED_20 = "whitened k-means 20"
# what `auto` is measured against
FIXED = {
    "mean (qi)": PRESETS["qi"].configuration,
    "k-means 20 (westerhoff)": PRESETS["westerhoff"].configuration,
    "whitened mean (whiten)": PRESETS["whiten"].configuration,
    "whitened k-means 5": kmeans(5, "l2", "whiten+l2"),
    WHITENED_20: kmeans(20, "l2", "whiten+l2"),
    "ridge": PRESETS["ridge"].configuration,
    "ls (oracle)": PRESETS["oracle"].configuration,
}
REFERENCES = {name: PRESETS[name].configuration for name in (PROBE, "lda", "knn")}
METHODS = {**FIXED, AUTO: PRESETS[AUTO].configuration, **REFERENCES}


@dataclass(frozen=True)
class Cell:
    """One task with its training and test samples."""

    row: str
    name: str
    shots: str
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int

    @property
    def is_few(self) -> bool:
        """Whether there are fewer than ten samples per class."""
        return self.shots != FULL and int(self.shots) < 10


@dataclass(frozen=True)
class Fit:
    """A fitted method, the seconds it took, and what it says of its choices."""

    candidate: Candidate
    seconds: float
    note: str = ""


def read(path: Path) -> tuple[Pool, Pool]:
    """Training and test embeddings of a file."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            arrays = [(file[f"x_{split}"], file[f"y_{split}"]) for split in ("train", "test")]
    else:
        import h5py

        with h5py.File(path) as file:
            arrays = [
                (file[split]["embeddings"][:], file[split]["labels"][:])
                for split in ("train", "test")
            ]
    train, test = (
        Pool(x.astype(np.float32), y.astype(np.int64), int(y.max()) + 1) for x, y in arrays
    )
    return train, test


def digit_cells(path: Path, seed: int) -> Iterator[Cell]:
    """The cells of a file of ten digits."""
    pools = read(path)
    for task, digits in TASKS.items():
        for shots in SHOTS:
            yield cell_of(path.stem, task, pools, [[digit] for digit in digits], shots, seed)


def cifar100_cells(path: Path, seed: int) -> Iterator[Cell]:
    """The cells "d in 1" of CIFAR-100."""
    pools = read(path)
    for draw in range(3):
        order = np.random.default_rng(draw).permutation(100)
        for d in (1, 3, 5, 10):
            groups = [order[: 10 * d][new::10].tolist() for new in range(10)]
            for shots in CIFAR100_SHOTS:
                yield cell_of(path.stem, f"{d} in 1, draw {draw}", pools, groups, shots, seed)


def cell_of(
    row: str,
    task: str,
    pools: tuple[Pool, Pool],
    groups: list[list[int]],
    shots: str,
    seed: int,
) -> Cell:
    """The cell of a task, given by the original classes of each of its classes."""
    train, test = pools
    rows, y, classes = training_rows(train, groups, shots, seed)
    test_rows, test_y, _ = select(test, groups)
    name = f"{row}, {task}, shots {shots}"
    return Cell(row, name, shots, train.x[rows], y, test.x[test_rows], test_y, classes)


def fit(cell: Cell, method: Configuration, seed: int) -> Fit:
    """Fit a method to the training samples of a cell."""
    start = perf_counter()
    scoring = method.scoring
    norms = FittedNorms(cell.x, cell.y).learn(method.norm_pre, scoring.norm_post, scoring.norm_inf)
    k = method.k.k if isinstance(method.k, Fixed) else ANY_K
    normalised = norms.of_embeddings(method.norm_pre, cell.x)
    sets = proxy_sets(normalised, cell.y, method.gen, [k], [seed], ls_lambda=LS_LAMBDA)
    proxies = sets[k, seed]
    fitted = candidate(proxies, cell.x, method.norm_pre, (scoring,), norms)
    return Fit(fitted, perf_counter() - start, proxies.note)


def accuracy(cell: Cell, fitted: Candidate) -> float:
    """Accuracy of a fitted method on the test samples of a cell, in percent."""
    (scores,) = evaluate(cell.test_x, cell.test_y, cell.classes, [fitted])
    return 100 * scores[fitted.scorings[0]].accuracy


# extras: accuracies in percent and seconds by name


def whitened_before(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """K-means of embeddings that were whitened and scaled to unit length before."""
    norm = "l2+whiten+l2"
    results = {}
    for k in (5, 20):
        method = Configuration(norm, "kmeans", Fixed(k), Scoring("l2", norm, *PRODUCT))
        fitted = fit(cell, method, seed)
        results[f"k-means {k} after whitening"] = accuracy(cell, fitted.candidate), fitted.seconds
    return results


def whitened_knn(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """The preset `knn` on whitened embeddings."""
    knn = REFERENCES["knn"]
    whitened = knn._replace(scoring=knn.scoring._replace(norm_post="whiten+l2"))
    fitted = fit(cell, whitened, seed)
    return {"whitened kNN": (accuracy(cell, fitted.candidate), fitted.seconds)}


def random_features(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """Ridge on 2,000 random ReLU features of unit length."""
    start = perf_counter()
    d = cell.x.shape[1]
    projection = np.random.default_rng(0).normal(size=(d, 2000)).astype(np.float32)
    x = np.maximum(cell.x @ projection, 0)
    projecting = perf_counter() - start
    test_x = np.maximum(cell.test_x @ projection, 0)
    featured = Cell(
        cell.row, cell.name, cell.shots, x, cell.y, test_x, cell.test_y, cell.classes
    )  # ridge scales them to unit length
    fitted = fit(featured, FIXED["ridge"], seed)
    score = accuracy(featured, fitted.candidate)
    return {"random ReLU features + ridge": (score, projecting + fitted.seconds)}


def clustered_ridge(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """Ridge with the leave-one-out penalty on five k-means pseudo-classes per class, the best of which decides."""
    start = perf_counter()
    x = l2(cell.x)
    clusters = proxy_sets(x, cell.y, "kmeans", [5], [seed])[5, seed]
    groups, labels = pseudo_classes(x, cell.y, clusters)
    ridge = leave_one_out(x, groups)
    scoring = Scoring("none", "l2", *PRODUCT)
    fitted = Candidate(ridge.weights, labels, (scoring,), bias=ridge.bias)
    spent = perf_counter() - start
    return {"k-means 5 pseudo-classes + ridge": (accuracy(cell, fitted), spent)}


def soft_maximum(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """Whitened k-means 20, where T log(sum of exp(similarity / T)) over the proxies of a class decides."""
    fitted = fit(cell, FIXED[WHITENED_20], seed)
    (scoring,) = fitted.candidate.scorings
    results = {}
    for t in (0.02, 0.05, 0.1):
        soft = scoring._replace(agg=LOGSUMEXP, weighting=f"exponential({t})")
        candidate = fitted.candidate.asked((soft,))
        results[f"{WHITENED_20}, logsumexp T {t}"] = accuracy(cell, candidate), fitted.seconds
    return results


EXTRAS = (random_features, clustered_ridge, soft_maximum, whitened_before, whitened_knn)


def lda_differences(cell: Cell, seed: int) -> list[float]:
    """How much higher scikit-learn's LDA scores its class where the preset `lda` predicts another, by test sample."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    priors = np.full(cell.classes, 1 / cell.classes)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    scores = lda.fit(cell.x.astype(np.float64), cell.y).decision_function(
        cell.test_x.astype(np.float64)
    )
    fitted = fit(cell, REFERENCES["lda"], seed).candidate
    ((_, predicted),) = predict(cell.test_x, cell.classes, [fitted])
    margins = scores.max(axis=1) - np.take_along_axis(scores, predicted[:, None], axis=1)[:, 0]
    return margins[predicted != scores.argmax(axis=1)].tolist()


def load_libraries() -> None:
    """Run every method once, so that no clock counts imports and compilation."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 8)).astype(np.float32), np.arange(40) % 2
    for method in METHODS.values():
        cell = Cell("", "", FULL, x, y, x, y, 2)
        accuracy(cell, fit(cell, method, seed=0).candidate)


@dataclass(frozen=True)
class Results:
    """What all methods reach on all cells.

    Attributes
    ----------
    accuracies : DataFrame
        In percent, a line for each cell and a column for each method.
    seconds : Series
        Mean seconds of fitting of each method.
    row, few : Series
        The row of each cell, and whether it has fewer than ten samples per class.
    choices : dict of Counter
        The methods that `auto` chose, by row.
    different : dict of list
        The `lda_differences` of the cells with all samples, by row.
    """

    accuracies: pd.DataFrame
    seconds: pd.Series
    row: pd.Series
    few: pd.Series
    choices: dict[str, Counter[str]]
    different: dict[str, list[float]]

    def by_row(self) -> pd.DataFrame:
        """Mean accuracies, a line for each row and one for all cells."""
        means = self.accuracies.groupby(self.row, sort=False).mean()
        return pd.concat([means, self.accuracies.mean().to_frame("all").T])

    def gaps(self, methods: Iterable[str], few: bool) -> pd.Series:
        """`auto` less the best of these methods, by cell."""
        some = self.accuracies[self.few == few]
        return some[AUTO] - some[list(methods)].max(axis=1)


def measure(cells: Iterable[Cell], seed: int, extras: bool) -> Results:
    """Run all methods on all cells."""
    scores: list[dict[str, float]] = []
    spent: list[dict[str, float]] = []
    names, rows, few = [], [], []
    choices: dict[str, Counter[str]] = {}
    different: dict[str, list[float]] = {}
    for cell in cells:
        of_methods = {}
        for name, method in METHODS.items():
            fitted = fit(cell, method, seed)
            of_methods[name] = accuracy(cell, fitted.candidate), fitted.seconds
            if name == AUTO:
                chosen, _, _ = fitted.note.partition(":")
                choices.setdefault(cell.row, Counter())[chosen] += 1
        for extra in EXTRAS if extras else ():
            of_methods |= extra(cell, seed)
        scores.append({name: score for name, (score, _) in of_methods.items()})
        spent.append({name: elapsed for name, (_, elapsed) in of_methods.items()})
        names.append(cell.name)
        rows.append(cell.row)
        few.append(cell.is_few)
        if cell.shots == FULL:
            different.setdefault(cell.row, []).extend(lda_differences(cell, seed))
        print(cell.name, file=sys.stderr, flush=True)
    return Results(
        pd.DataFrame(scores, names),
        pd.DataFrame(spent).mean(),
        pd.Series(rows, names),
        pd.Series(few, names),
        choices,
        different,
    )


def print_means(results: Results) -> None:
    """The table of mean accuracies and seconds."""
    counts = results.row.value_counts(sort=False)
    means = results.by_row()
    print_header(
        ["method", *(f"{row} ({n})" for row, n in counts.items()), f"all ({counts.sum()})", "s"]
    )
    extras = [name for name in results.accuracies if name not in METHODS]
    for name in [*METHODS, *extras]:
        if name == AUTO:
            best = results.accuracies[list(FIXED)].max(axis=1)
            hindsight = [*best.groupby(results.row, sort=False).mean(), best.mean()]
            print_row(["best of these in hindsight", *(f"{mean:.2f}" for mean in hindsight), ""])
        print_row([name, *(f"{mean:.2f}" for mean in means[name]), f"{results.seconds[name]:.3f}"])


def print_choices(results: Results) -> None:
    """The table of what `auto` chose."""
    print_header(["row", "method", "cells"])
    for row, counter in results.choices.items():
        for chosen, count in counter.most_common():
            print_row([row, chosen, str(count)])


def print_gaps(results: Results) -> None:
    """The table of how far `auto` is from the best of others."""
    print_header(["others", "cells", "worst gap", "mean gap", "worst cell", "best there"])
    for label, methods in (("fixed", FIXED), ("references", REFERENCES)):
        for few, shots in FEW_SHOTS.items():
            gaps = results.gaps(methods, few)
            if gaps.empty:
                continue
            worst = gaps.idxmin()
            best = results.accuracies.loc[worst, list(methods)].idxmax()
            print_row([label, shots, f"{gaps.min():.2f}", f"{gaps.mean():.2f}", worst, best])


def print_bars(results: Results) -> None:
    """What is asked of `auto` and of `lda`."""
    means = results.by_row()
    for row, of_row in means.iterrows():
        best = of_row[list(FIXED)].idxmax()
        gap = of_row[AUTO] - of_row[best]
        text = f"{row}: auto {of_row[AUTO]:.2f}, best fixed {of_row[best]:.2f} ({best}): {gap:+.2f}"
        if row == "all":
            print_bar(gap > 0, f"{text}, above 0")
        else:
            print_bar(gap >= -0.3, f"{text}, at least -0.3")
    for few, shots in FEW_SHOTS.items():
        gaps, least = results.gaps(FIXED, few), -3.0 if few else -1.5
        if len(gaps):
            text = f"worst gap at {shots}: {gaps.min():.2f} ({gaps.idxmin()}), at least {least}"
            print_bar(gaps.min() >= least, text)
    for row, of_row in means.drop("all").iterrows():
        gap = of_row[AUTO] - of_row[PROBE]
        text = f"{row}: auto {of_row[AUTO]:.2f}, probe {of_row[PROBE]:.2f}: {gap:+.2f}"
        print_bar(gap >= -0.3, f"{text}, at least -0.3")
    for row, margins in results.different.items():
        text = f"{row}: {len(margins)} predictions of lda at full shots differ from scikit-learn's"
        if margins:
            text += f", whose scores of the two classes are at most {max(margins):.0e} apart"
        print_bar(not margins, f"{text}; none may")


def print_accuracies(cells: Iterable[Cell], seed: int, extras: bool) -> None:
    """Run all methods on all cells, and print tables and bars."""
    results = measure(cells, seed, extras)
    print(f"\nMean accuracy in percent and mean seconds of fitting; seed {seed}\n")
    print_means(results)
    print("\nWhat auto chose\n")
    print_choices(results)
    print("\nauto less the best of others\n")
    print_gaps(results)
    print("\nBars\n")
    print_bars(results)


def print_header(names: list[str]) -> None:
    print_row(names)
    print_row(["---"] * len(names))


def print_row(values: list[str]) -> None:
    print(f"| {' | '.join(values)} |", flush=True)


def print_bar(reached: bool, text: str) -> None:
    print(f"- {'ok' if reached else 'MISSED'}: {text}", flush=True)


def hard(train: int = 60_000, test: int = 10_000, d: int = 512, classes: int = 10) -> Data:
    """Embeddings as hard as real ones: 20 overlapping clusters per class, correlated features, a third of values zero.

    Classes and clusters differ in 32 of 512 directions, whose spread falls off as that of real embeddings does. With
    20,000 samples the mean reaches 72%, k-means 20 90% and ridge 94%: about as on MNIST by a network for CIFAR-100.
    """
    rng = np.random.default_rng(0)
    spread = np.arange(1, d + 1) ** -0.6
    spread /= np.sqrt((spread**2).mean())
    mixing = np.linalg.qr(rng.normal(size=(d, d)))[0] * spread[:, None]
    centres = 0.6 * (rng.normal(size=(classes, 1, d)) + rng.normal(size=(classes, 20, d)))
    centres[..., 32:] = 0

    def split(n: int) -> tuple[np.ndarray, np.ndarray]:
        y, cluster = rng.integers(0, classes, n), rng.integers(0, 20, n)
        x = (centres[y, cluster] + 0.7 * rng.normal(size=(n, d))) @ mixing + 0.3
        return np.maximum(x, 0).astype(np.float32), y

    return Data(*split(train), *split(test), classes)


def print_pair(
    what: str,
    measured: Callable[[], object],
    limit: Callable[[], object],
    most: float,
    repeats: int,
) -> None:
    """Time two calls in turn, the order changing, and print the median of their ratios with its bar."""
    times = np.empty((repeats, 2))
    for i in range(repeats):
        for j in (0, 1) if i % 2 == 0 else (1, 0):
            times[i, j] = seconds((measured, limit)[j], repeats=1)
    print_ratio(what, times, most)


def print_ratio(what: str, times: np.ndarray, most: float) -> None:
    """Print median seconds (repeats, 2) and the median ratio with its bar."""
    (spent, alone), ratio = np.median(times, axis=0), np.median(times[:, 0] / times[:, 1])
    print_bar(
        ratio <= most,
        f"{what}: {spent:.4f} s, {alone:.4f} s, ratio {ratio:.3f}, at most {most}",
    )


def print_timing(repeats: int) -> None:
    """Print what whitening and `auto` cost."""
    data = hard()
    plain = ImprintingClassifier(gen="kmeans", k=20, norm_post="l2", random_state=SEED)
    whitened = ImprintingClassifier(gen="kmeans", k=20, norm_post="whiten+l2", random_state=SEED)
    auto = ImprintingClassifier(method=AUTO, random_state=SEED)
    for model in (plain, whitened, auto):  # loads what is loaded when it is first needed
        model.fit(data.x[:500], data.y[:500]).predict(data.test_x[:10])

    print("\n60,000 x 512 embeddings of 10 classes, 10,000 to predict\n")
    print_pair(
        "fit k-means 20, norm_post whiten+l2 | l2",
        lambda: whitened.fit(data.x, data.y),
        lambda: plain.fit(data.x, data.y),
        1.5,
        repeats,
    )
    print_pair(
        "predict, norm_post whiten+l2 | l2",
        lambda: whitened.predict(data.test_x),
        lambda: plain.predict(data.test_x),
        1.1,
        20 * repeats,
    )
    spent = seconds(lambda: auto.fit(data.x, data.y), repeats)
    x = l2(data.x)
    probe = seconds(lambda: proxy_sets(x, data.y, "logistic", [ANY_K], [SEED]), repeats=1)
    print_ratio("fit auto | the probe, once", np.array([[spent, probe]]), 0.1)
    models = {"k-means 20": plain, "whitened": whitened, "auto": auto}
    reached = [
        f"{name} {100 * (model.predict(data.test_x) == data.test_y).mean():.1f}"
        for name, model in models.items()
    ]
    print(f"\nAccuracy on these embeddings: {', '.join(reached)}")


def spread_out(cells: Iterator[Cell], count: int | None) -> Iterator[Cell]:
    """So many of the cells, evenly spread; all without a count."""
    if count is None:
        yield from cells
        return
    known = list(cells)
    for i in np.unique(np.linspace(0, len(known) - 1, count).round().astype(int)):
        yield known[i]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--cifar100", type=Path, metavar="FILE")
    parser.add_argument("--cells", type=int, help="of each row at most; all by default")
    parser.add_argument("--seed", type=int, default=SEED, help="of shots and GENs")
    parser.add_argument("--extras", action="store_true")
    parser.add_argument("--timing", action="store_true")
    parser.add_argument("--repeats", type=int, default=3, help="of timings")
    options = parser.parse_args()
    if not (options.files or options.cifar100 or options.timing):
        parser.error("give a FILE, --cifar100 or --timing")
    warnings.simplefilter("ignore")  # k-means of few samples, imbalance
    parts = [digit_cells(path, options.seed) for path in options.files]
    if options.cifar100:
        parts.append(cifar100_cells(options.cifar100, options.seed))
    load_libraries()
    with threadpool_limits(limits=1):
        if parts:
            cells = (cell for part in parts for cell in spread_out(part, options.cells))
            print_accuracies(cells, options.seed, options.extras)
        if options.timing:
            print_timing(options.repeats)


if __name__ == "__main__":
    main()
