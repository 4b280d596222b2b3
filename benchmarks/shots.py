"""Accuracy and fitting time against images per class: a table, the bars of the default head, and the picture of the README.

    python -m benchmarks.shots [FOLDER] [--draws 10] [--title TITLE] [--output images_per_class.png]

FOLDER holds `train.h5` and `test.h5` of one dataset by one FM, as written by a study in results/embeddings or by `imprint embed`.
The default is scikit-learn's digits by EfficientNet-Lite0, which `make` computes. Each draw takes random training images; all
draws use the same test images. Seconds are the processor time of fitting on one core, without embedding.
The picture of the README is docs/guide/images_per_class.png.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MultipleLocator
from threadpoolctl import threadpool_limits

from benchmarks.head_cells import cell_of
from benchmarks.head_methods import AUTO, FIXED, METHODS, PROBE, accuracy, fit, load_libraries
from benchmarks.options import new_parser
from benchmarks.printing import print_bar
from imprint.data.pools import Pool, pool
from imprint.report.drawing.axes import k_axis
from imprint.report.drawing.looks import COLOURS, DASHES, Look, legend_line
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import GREY, INK, applied
from imprint.store.embeddings import read_embeddings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIGITS = Path("results/embeddings/efficientnet-lite0/digits")
OUTPUT = Path("images_per_class.png")
TITLE = "Handwritten digits, told apart by a head on a frozen ImageNet model"
RESOLUTION = 200  # dots per inch: 1,400 across
SHOTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
MEAN, KMEANS, WHITENED = list(FIXED)[:3]
SHOWN = {
    AUTO: ("imprint's default", Look(COLOURS[1], "o", DASHES[0])),
    WHITENED: ("whitened means", Look(COLOURS[5], "v", DASHES[2])),
    PROBE: ("linear probe, C swept", Look(INK, "D", DASHES[1])),
    KMEANS: ("20 k-means proxies", Look(COLOURS[0], "^", DASHES[3])),
    MEAN: ("means", Look(GREY, "s", DASHES[2])),
}
LINEAR = (PROBE, "lda", "ridge")  # heads that the default should match
TABLED = (*SHOWN, *LINEAR[1:])
BARS = (10, 20, 200)  # images per class
ASIDE = 0.008  # horizontal offset between lines, in decades


def measure(pools: tuple[Pool, Pool], draws: int) -> pd.DataFrame:
    """n, draw, method, accuracy (%) and seconds."""
    train, _ = pools
    classes = [[label] for label in range(train.class_count)]
    fewest = np.bincount(train.y).min()
    rows = []
    load_libraries()
    for n in (n for n in SHOTS if n <= fewest):
        for draw in range(draws):
            cell = cell_of("", "", pools, classes, str(n), draw)
            for method in TABLED:
                start = process_time()
                fitted = fit(cell, METHODS[method], draw).candidate
                spent = process_time() - start
                rows.append((n, draw, method, accuracy(cell, fitted), spent))
        print(f"{n} images per class", file=sys.stderr, flush=True)
    return pd.DataFrame(rows, columns=["n", "draw", "method", "accuracy", "seconds"])


def drawn(table: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """The figure: accuracy on the left, seconds on the right."""
    draws = table["draw"].nunique()
    values = f"Point: mean of {draws} draws of training images; bar: lowest to highest of them."
    figure = sheet(title, f"{subtitle} {values}", height=2.9)
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    for number, (method, (_, look)) in enumerate(SHOWN.items()):
        groups = table[table["method"] == method].groupby("n")
        accuracies = groups["accuracy"].agg(["mean", "min", "max"])
        n = accuracies.index * 10 ** (ASIDE * (number - len(SHOWN) / 2))
        strong = {"linewidth": 2, "zorder": 3} if method == AUTO else {}
        left.plot(n, accuracies["mean"], **look.line(**strong))
        left.vlines(n, accuracies["min"], accuracies["max"], color=look.colour, linewidth=0.8)
        right.plot(accuracies.index, groups["seconds"].median(), **look.line(**strong))
    ns = sorted(table["n"].unique())
    k_axis(left, ns, inches=4.2)
    k_axis(right, ns, inches=1.9)
    left.yaxis.set_major_locator(MultipleLocator(10))
    right.set_yscale("log")
    ticks = {0.001: "1 ms", 0.01: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s"}
    right.set_yticks(list(ticks), list(ticks.values()))
    right.minorticks_off()
    left.set_title("Accuracy on test images (%)", loc="left")
    right.set_title("Time to fit the head, one core", loc="left")
    for axes in (left, right):
        axes.set_xlabel("training images per class")
    legend_below(figure, [legend_line(label, **look.line()) for label, look in SHOWN.values()])
    return figure


def print_table(table: pd.DataFrame) -> None:
    """Print mean accuracies and median seconds, one row per method."""
    for values, how, decimals in (("accuracy", "mean", 1), ("seconds", "median", 3)):
        wide = table.pivot_table(
            index="method", columns="n", values=values, aggfunc=how, sort=False
        )
        print(f"\n{how} {values}\n\n{wide.round(decimals).to_markdown()}", flush=True)


def print_bars(table: pd.DataFrame) -> None:
    """Print whether the default is at most one point below the best linear head, and below class means."""
    means = table.groupby(["n", "method"])["accuracy"].mean().unstack()
    for n in (n for n in BARS if n in means.index):
        of_n = means.loc[n]
        best = of_n[list(LINEAR)].idxmax()
        for other in (best, MEAN):
            gap = of_n[AUTO] - of_n[other]
            text = f"{n} images per class: default {of_n[AUTO]:.1f}, {other} {of_n[other]:.1f}: {gap:+.2f}, at least -1"
            print_bar(gap >= -1, text)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", default=DIGITS)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--title", default=TITLE)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # k-means with few samples warns
    splits = [read_embeddings(options.folder / f"{split}.h5") for split in ("train", "test")]
    with threadpool_limits(limits=1):
        table = measure((pool(splits[:1]), pool(splits[1:])), options.draws)
    print_table(table)
    print()
    print_bars(table)
    made_of = splits[0].provenance
    dataset, fm = made_of.get("dataset", options.folder.name), made_of.get("fm") or made_of["model"]
    subtitle = f"{dataset} by {fm}, {len(splits[1].y)} test images."
    with applied("page"):
        figure = drawn(table, options.title, subtitle)
        figure.savefig(options.output, dpi=RESOLUTION, metadata={"Software": None})


if __name__ == "__main__":
    main()
