"""Accuracy of heads: imprinting, whitened imprinting and `auto` against each other and against references.

    python -m benchmarks.heads FILE [FILE ...] [--cifar100 FILE] [--cells N] [--draws N] [--seed SEED] [--extras]

FILE holds the embeddings of ten digits: HDF5 with `embeddings` and `labels` in the groups `train` and `test`, or NPZ with
x_train, y_train, x_test and y_test. Each gives 28 cells: the tasks all, even, odd and short (0, 1, 2) with 1 to 200 random
samples per class and with all. The file of `--cifar100`, embeddings of CIFAR-100, gives 36 cells "d in 1": ten new classes of
d original ones each, d = 1, 3, 5, 10, three draws, 10 and 50 samples per new class and all. Every method is a configuration
that the engine scores; seconds are those of fitting. `--draws` is the number of draws of the samples of a cell that does not use
all samples; its accuracies are means over draws, as the result of a single draw of one sample per class depends more on the draw
than on the method. `--extras` adds methods that are not presets, some of which are not in the library.

Everything runs on one core: with more, other work on the machine can make k-means ten times slower.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.data import SEED
from benchmarks.head_cells import FULL, Cell, cifar100_cells, digit_cells, spread_out
from benchmarks.head_methods import (
    AUTO,
    EXTRAS,
    FIXED,
    METHODS,
    PROBE,
    REFERENCES,
    accuracy,
    fit,
    lda_differences,
    load_libraries,
)
from benchmarks.options import new_parser
from benchmarks.printing import print_bar, print_header, print_row

TIE = 1e-6  # difference of two scores that float32 cannot distinguish
FEW_SHOTS = {False: "10 shots or more", True: "1 to 5 shots"}


@dataclass(frozen=True)
class Results:
    """The results of all methods on all cells.

    Attributes
    ----------
    accuracies : DataFrame
        Accuracies in percent, one row per cell and one column per method; means over draws.
    seconds : Series
        Mean fitting seconds of each method.
    row, few : Series
        The row of each cell, and whether it has fewer than ten samples per class.
    choices : dict of Counter
        How often `auto` chose which method, by row.
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
    """Run all methods on all cells; a cell of several draws comes once for each."""
    scores: list[dict[str, float]] = []
    spent: list[dict[str, float]] = []
    of_cells: dict[str, tuple[str, bool]] = {}
    names = []
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
        of_cells[cell.name] = cell.row, cell.is_few
        if cell.shots == FULL:
            different.setdefault(cell.row, []).extend(lda_differences(cell, seed))
        print(cell.name, file=sys.stderr, flush=True)
    described = pd.DataFrame.from_dict(of_cells, orient="index", columns=["row", "few"])

    def of_draws(values: list[dict[str, float]]) -> pd.DataFrame:
        return pd.DataFrame(values, names).groupby(level=0).mean().loc[list(of_cells)]

    return Results(
        of_draws(scores),
        of_draws(spent).mean(),
        described["row"],
        described["few"],
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
    """The table of the methods that `auto` chose."""
    print_header(["row", "method", "times"])
    for row, counter in results.choices.items():
        for chosen, count in counter.most_common():
            print_row([row, chosen, str(count)])


def print_gaps(results: Results) -> None:
    """The table of the gaps between `auto` and the best of other methods."""
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
    """The bars of `auto` and `lda`."""
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
        for row, of_row in gaps.groupby(results.row[gaps.index], sort=False):
            text = f"{row}, {shots}: worst gap {of_row.min():.2f} ({of_row.idxmin()}), at least {least}"
            print_bar(of_row.min() >= least, text)
    for row, of_row in means.drop("all").iterrows():
        gap = of_row[AUTO] - of_row[PROBE]
        text = f"{row}: auto {of_row[AUTO]:.2f}, probe {of_row[PROBE]:.2f}: {gap:+.2f}"
        print_bar(gap >= -0.3, f"{text}, at least -0.3")
    for row, apart in results.different.items():
        text = f"{row}: {len(apart)} predictions of lda at full shots differ from scikit-learn's"
        if apart:
            text += f", whose scores of the two classes are at most {max(apart):.0e} of them apart"
        print_bar(max(apart, default=0) <= TIE, f"{text}; only ties may, at most {TIE:.0e} apart")


def asked_cells(options: argparse.Namespace) -> Iterator[Cell]:
    """The cells of all files; those with all samples once, others once per draw."""
    for draw in range(options.draws):
        seed = options.seed + draw
        parts = [digit_cells(path, seed) for path in options.files]
        if options.cifar100:
            parts.append(cifar100_cells(options.cifar100, seed))
        for part in parts:
            for cell in spread_out(part, options.cells):
                if not draw or cell.shots != FULL:
                    yield cell


def print_accuracies(options: argparse.Namespace) -> None:
    """Run all methods on all cells, and print tables and bars."""
    results = measure(asked_cells(options), options.seed, options.extras)
    print(
        f"\nMean accuracy in percent and mean seconds of fitting; seed {options.seed}, draws {options.draws}\n"
    )
    print_means(results)
    print("\nWhat auto chose\n")
    print_choices(results)
    print("\nauto less the best of others\n")
    print_gaps(results)
    print("\nBars\n")
    print_bars(results)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--cifar100", type=Path, metavar="FILE")
    parser.add_argument("--cells", type=int, help="maximum number of cells per row; all by default")
    parser.add_argument("--draws", type=int, default=1, help="draws of the samples of a cell")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of shots and GENs")
    parser.add_argument("--extras", action="store_true")
    options = parser.parse_args()
    if not (options.files or options.cifar100):
        parser.error("give a FILE or --cifar100")
    warnings.simplefilter("ignore")  # warnings about few samples and imbalance
    load_libraries()
    with threadpool_limits(limits=1):
        print_accuracies(options)


if __name__ == "__main__":
    main()
