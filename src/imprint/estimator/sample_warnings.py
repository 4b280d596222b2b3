"""Warnings about samples that are likely to make a head worse than it could be."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np

from imprint.estimator.duplicates import Sketches
from imprint.estimator.labels import class_numbers
from imprint.formatting import listed

COPIES = 0.05  # share of samples from which `warn_of_copies` warns of copies in one class
IMBALANCE = 10  # ratio of the largest to the smallest class from which `warn_of_counts` warns


@cache
def warn_once(message: str) -> None:
    """Warn once per process, as a search fits many times."""
    warnings.warn(message, stacklevel=3)  # the caller of `fit`


def warn_of_equal(x: np.ndarray) -> None:
    """Warn if all samples x (n, D) have the same embedding."""
    # compare with the last row first: it nearly always differs
    if len(x) > 1 and np.array_equal(x[0], x[-1]) and (x == x[0]).all():
        warnings.warn(
            "all samples have the same embedding, so classes cannot be told apart: the images are the same, or the FM is damaged",
            stacklevel=3,
        )


def warn_of_copies(sketches: Sketches, classes: np.ndarray, ids: np.ndarray) -> None:
    """Warn of new samples, the last n of the sketches, with ids (n,), that are also in another class, or often in their own.

    classes: (C,) labels.
    """
    new = len(sketches.values) - len(ids)
    first = sketches.copies()
    rows = np.arange(new, len(first))
    copied = rows[first[new:] < rows]
    same = sketches.classes[first[copied]] == sketches.classes[copied]
    others, of_class = copied[~same], copied[same & (first[copied] >= new)]
    if len(others):
        one, other = classes[sketches.classes[[first[others[0]], others[0]]]]
        warnings.warn(
            f"{len(others)} sample{'s are' if len(others) > 1 else ' is'} in two classes, such as "
            f"{ids[others[0] - new]} in '{other}', which is also in '{one}': no head can "
            "tell which is correct",
            stacklevel=4,
        )
    if len(of_class) > COPIES * len(ids):
        warnings.warn(
            f"{len(of_class)} of {len(ids)} samples are copies of others in their class, such as {ids[of_class[0] - new]}: held-out "
            "samples are then no new ones, so that probabilities are too sure, rejection is too strict, and the choice of a method "
            "or of k is misled; keep one of each",
            stacklevel=4,
        )


def warn_of_counts(
    classes: np.ndarray, counts: np.ndarray, k: int | None, labels: np.ndarray
) -> None:
    """Warn of classes with new samples but fewer than k in all, and of imbalance.

    Parameters
    ----------
    classes, counts : ndarray of shape (C,)
        Labels, and number of samples of each.
    k : int or None
        Proxies per class.
    labels : ndarray of shape (n,)
        Labels of the new samples.
    """
    seen = np.unique(class_numbers(classes, labels))
    few = seen[counts[seen] < (k or 1)]
    if len(few):
        warnings.warn(
            f"{len(few)} of {len(classes)} classes have fewer than k = {k} samples ({listed(classes[few])}); "
            "such a class gets a proxy for each sample",
            stacklevel=4,
        )
    least, most = counts.argmin(), counts.argmax()
    if counts[most] >= IMBALANCE * counts[least]:
        warnings.warn(
            f"classes are imbalanced: '{classes[most]}' has {counts[most]} samples, '{classes[least]}' {counts[least]}; "
            "gen='all' with votes, ls and ridge favour large classes",
            stacklevel=4,
        )
