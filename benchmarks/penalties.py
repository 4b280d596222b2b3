"""Accuracy of ridge and of whitened means against the penalty, with few images per class.

    python -m benchmarks.penalties FOLDER [FOLDER ...] [--shots 1] [--draws 20]

Each FOLDER holds `train.h5` and `test.h5` of one dataset by one FM, such as those of `make` in results/embeddings. Penalties are
multiples of the mean eigenvalue of the scatter: for ridge that of all samples, for whitened means that of S_W + 0.01 S_B. With
one image per class leave-one-out cannot choose, and both take the multiple 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.options import new_parser
from benchmarks.printing import print_header, print_row
from imprint.method.class_sums import ClassSums
from imprint.method.normalize import Whiten, l2
from imprint.method.normalize.whitening import BETWEEN
from imprint.method.ridge import from_sums
from imprint.store.embeddings import read_embeddings

MULTIPLES = np.geomspace(1e-3, 1e3, 13)


def of_ridge(x: np.ndarray, sums: ClassSums, new: np.ndarray, penalty: float) -> np.ndarray:
    """Labels of new samples by ridge regression with a penalty."""
    ridge = from_sums(sums, penalty)
    labels: np.ndarray = (new @ ridge.weights.T + ridge.bias).argmax(axis=1)
    return labels


def of_whitened_means(
    x: np.ndarray, sums: ClassSums, new: np.ndarray, penalty: float
) -> np.ndarray:
    """Labels of new samples by the cosine to whitened class means."""
    whiten = Whiten()
    whiten.penalty_ = penalty
    whiten = whiten.from_sums(sums)
    firsts = np.concatenate([[0], np.cumsum(sums.counts)[:-1]])
    means = np.add.reduceat(l2(whiten.transform(x)), firsts)
    labels: np.ndarray = (l2(whiten.transform(new)) @ l2(means).T).argmax(axis=1)
    return labels


def measured(folder: Path, shots: int, draws: int) -> dict[str, np.ndarray]:
    """Mean accuracy (%) of each head at each multiple."""
    train, test = (read_embeddings(folder / f"{split}.h5") for split in ("train", "test"))
    x, new, classes = l2(train.x), l2(test.x), len(train.class_names)
    right: dict[str, list[list[float]]] = {"ridge": [], "whitened means": []}
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        of_classes = [
            rng.choice(np.flatnonzero(train.y == label), shots, replace=False)
            for label in range(classes)
        ]
        rows = np.concatenate(of_classes)
        sums = ClassSums.of(x[rows], train.y[rows], classes)
        within, between = (
            np.trace(each) for each in (sums.scatter_within(), sums.scatter_between())
        )
        least = min(len(rows), x.shape[1])
        for name, label, scatter in (
            ("ridge", of_ridge, within + between),
            ("whitened means", of_whitened_means, within + BETWEEN * between),
        ):
            right[name].append(
                [
                    float((label(x[rows], sums, new, each * scatter / least) == test.y).mean())
                    for each in MULTIPLES
                ]
            )
    return {name: 100 * np.mean(shares, axis=0) for name, shares in right.items()}


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--shots", type=int, default=1)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    print_header(["embeddings", "head", *(f"{multiple:.2g}" for multiple in MULTIPLES)])
    for folder in options.folders:
        for name, accuracies in measured(folder, options.shots, options.draws).items():
            print_row(
                [f"{folder.parent.name}/{folder.name}", name, *(f"{a:.1f}" for a in accuracies)]
            )


if __name__ == "__main__":
    main()
