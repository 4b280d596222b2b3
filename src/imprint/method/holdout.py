"""Training samples held out to compare methods."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

FOLDS = 10
REPETITIONS = 3
# Held-out samples after which no fold is added: two tenths of the 10,000 samples of a choice, less a margin for rounding
ENOUGH = 1_900


def rows_by_class(y: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each class 0..C-1 of labels (n,)."""
    return np.split(np.argsort(y, kind="stable"), np.cumsum(np.bincount(y))[:-1])


def folds(y: np.ndarray, seed: int, most_folds: int = FOLDS) -> Iterator[np.ndarray]:
    """Masks (n,) of held-out samples, stratified by class; at least one sample of each class is not held out.

    There are as many folds as the largest class has samples, at most `most_folds`. They are repeated with other splits
    until enough samples were held out, at most three times in all. Without two classes of at least two samples there are no
    folds: a single class says nothing about the separation of classes.
    """
    counts = np.bincount(y)
    if (counts > 1).sum() < 2:
        return
    random = np.random.default_rng(seed)
    count, held_out = min(most_folds, int(counts.max())), 0
    for _ in range(REPETITIONS):
        fold_of_row = np.full(len(y), -1)
        for rows in rows_by_class(y):
            if len(rows) > 1:
                # a random first fold, so that classes with fewer samples than folds are spread over all folds
                start = random.integers(count)
                fold_of_row[random.permutation(rows)] = (start + np.arange(len(rows))) % count
        for fold in range(count):
            held = fold_of_row == fold
            if held.any():
                held_out += int(held.sum())
                yield held
            if held_out >= ENOUGH:
                return
