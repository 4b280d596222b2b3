"""Scores of predictions: accuracy with its interval, balanced accuracy, F1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15  # of confidence, of equal width


@dataclass(frozen=True)
class Scores:
    """Scores of one configuration on one task, all in [0, 1].

    Attributes
    ----------
    accuracy : float
        Share of samples that are classified correctly.
    accuracy_low, accuracy_high : float
        Its 95% interval for this number of samples (Wilson 1927).
    balanced_accuracy : float
        Mean recall of the classes that have samples.
    macro_f1 : float
        Mean F1 of the classes that have samples or are predicted.
    class_f1 : tuple of float
        F1 of each class, NaN for one that neither has samples nor is predicted.
    """

    accuracy: float
    accuracy_low: float
    accuracy_high: float
    balanced_accuracy: float
    macro_f1: float
    class_f1: tuple[float, ...]


def scores(y: np.ndarray, predicted: np.ndarray, classes: int) -> Scores:
    """Score predictions, as scikit-learn's metrics do.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels in [0, classes).
    predicted : ndarray of shape (n,)
        Predictions.
    classes : int
        Number of classes.

    Examples
    --------
    >>> scores(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2).accuracy
    0.75
    """
    true, guessed = (np.bincount(labels, minlength=classes) for labels in (y, predicted))
    right = np.bincount(y[y == predicted], minlength=classes)
    n = len(y)
    p = right.sum() / n
    low, high = wilson_interval(p, n)
    with np.errstate(invalid="ignore"):
        f1 = 2 * right / (true + guessed)
    return Scores(
        accuracy=float(p),
        accuracy_low=low,
        accuracy_high=high,
        balanced_accuracy=float((right[true > 0] / true[true > 0]).mean()),
        macro_f1=float(np.nanmean(f1)),
        class_f1=tuple(f1.tolist()),
    )


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95% interval of a share of n samples (Wilson 1927).

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(0.9, 100)]
    [0.826, 0.945]
    """
    z = 1.959963984540054  # the 97.5% quantile of the normal distribution
    centre, scale = share + z**2 / (2 * n), 1 + z**2 / n
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(float((centre - half) / scale), 0.0), min(float((centre + half) / scale), 1.0)


def top_accuracy(class_scores: np.ndarray, y: np.ndarray, count: int) -> float:
    """Share of samples whose class is among the `count` with the largest scores.

    Parameters
    ----------
    class_scores : ndarray of shape (n, C)
        Scores of the classes; of equal scores the first counts as larger.
    y : ndarray of shape (n,)
        Labels in [0, C).
    count : int
        Number of classes that count; all of them if there are fewer.

    Examples
    --------
    >>> top_accuracy(np.array([[3, 2, 1], [3, 2, 1]]), np.array([1, 2]), 2)
    0.5
    """
    best = np.argsort(-class_scores, axis=1, kind="stable")[:, :count]
    return float((best == y[:, None]).any(axis=1).mean())


def log_loss(of_true: np.ndarray) -> float:
    """Mean of -log p; of_true (n,): the probability p that each sample's true class is given."""
    return float(-np.log(np.maximum(of_true, np.finfo(float).tiny)).mean())


def calibration_error(confidence: np.ndarray, is_right: np.ndarray) -> float:
    """Expected calibration error: how far confidence and accuracy are apart, over bins of confidence (Guo et al. 2017).

    Parameters
    ----------
    confidence : ndarray of shape (n,)
        The largest probability of each sample.
    is_right : ndarray of bool of shape (n,)
        Whether it is that of the sample's true class.

    Examples
    --------
    >>> calibration_error(np.array([0.5, 0.5]), np.array([True, False]))
    0.0
    """
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bin_of, confidence - is_right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
