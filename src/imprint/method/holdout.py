"""Training samples held out to judge methods by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

FOLDS = 10
REPETITIONS = 3
ENOUGH = 1_900  # held-out samples after which no fold is added: two tenths of 10,000, which rounding may make smaller


def rows_by_class(y: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each class 0..C-1 of labels (n,)."""
    return np.split(np.argsort(y, kind="stable"), np.cumsum(np.bincount(y))[:-1])


def folds(y: np.ndarray, seed: int, most_folds: int = FOLDS) -> Iterator[np.ndarray]:
    """Masks (n,) of held-out samples, stratified; a class always keeps a sample.

    As many folds as the largest class has samples, at most `most_folds`. Stops once enough samples were held out. Without two classes
    of two samples there is no fold: samples of one class alone say nothing of telling classes apart.
    """
    counts = np.bincount(y)
    if (counts > 1).sum() < 2:
        return
    random = np.random.default_rng(seed)
    count, held_out = min(most_folds, int(counts.max())), 0
    for _ in range(REPETITIONS):
        of_rows = np.full(len(y), -1)
        for rows in rows_by_class(y):
            if len(rows) > 1:
                # classes with fewer samples than folds start anywhere
                start = random.integers(count)
                of_rows[random.permutation(rows)] = (start + np.arange(len(rows))) % count
        for fold in range(count):
            held = of_rows == fold
            if held.any():
                held_out += int(held.sum())
                yield held
            if held_out >= ENOUGH:
                return
