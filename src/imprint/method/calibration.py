"""Class scores as probabilities: a softmax with a temperature fitted to held-out samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

INVERSE_TEMPERATURES = np.geomspace(0.01, 2000, 80)  # for standardised scores


@dataclass(frozen=True)
class Calibration:
    """Class scores turned into probabilities.

    Attributes
    ----------
    inverse_temperature : float
        Factor of the scores before the softmax, fitted to smoothed labels.
    losses : ndarray of shape (n,)
        The log loss of each sample at the temperature with the lowest mean log loss, without smoothing.
    """

    inverse_temperature: float
    losses: np.ndarray


def calibrate(scores: np.ndarray, y: np.ndarray) -> Calibration:
    """Fit the temperature of a softmax of class scores (n, C) to labels y (n,), by the mean log loss (Guo et al. 2017).

    If the scores separate the classes, the best temperature is 0, and every probability would be 0 or 1. To avoid this, labels
    are smoothed as by Platt (1999): a share 1 / (n + 2) of each is spread evenly over the classes.
    """
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    true_scores = shifted[np.arange(len(y)), y]
    inverses = INVERSE_TEMPERATURES / (shifted.std() or 1.0)

    def normalisers(inverse: float) -> np.ndarray:
        return np.log(np.exp(inverse * shifted).sum(axis=1))

    @cache
    def mean(index: int) -> float:
        return float(normalisers(inverses[index]).mean())

    def lowest(target: float) -> float:
        """The temperature with the lowest mean loss; the loss is convex, so that few of them have to be tried."""
        first, last = 0, len(inverses) - 1
        while first < last:
            middle = (first + last) // 2
            step = (inverses[middle + 1] - inverses[middle]) * target
            if mean(middle + 1) - mean(middle) < step:
                first = middle + 1
            else:
                last = middle
        return float(inverses[first])

    smoothing = 1 / (len(y) + 2)
    smoothed = (1 - smoothing) * true_scores.mean() + smoothing * shifted.mean()
    best = lowest(true_scores.mean())
    return Calibration(lowest(smoothed), normalisers(best) - best * true_scores)


class ProbabilitySummary(NamedTuple):
    """What log loss and calibration error need of the probabilities of n samples.

    Attributes
    ----------
    of_true : ndarray of shape (n,)
        The probability of each sample's true class.
    confidence : ndarray of shape (n,)
        The largest probability of each sample.
    is_right : ndarray of bool of shape (n,)
        Whether the class with the largest probability is the true one.
    """

    of_true: np.ndarray
    confidence: np.ndarray
    is_right: np.ndarray


def probability_summary(
    scores: np.ndarray, y: np.ndarray, inverse_temperature: float
) -> ProbabilitySummary:
    """Summarise the probabilities of class scores (n, C) of samples with labels y (n,).

    Examples
    --------
    >>> probability_summary(np.array([[2.0, 2.0]]), np.array([1]), 1.0)
    ProbabilitySummary(of_true=array([0.5]), confidence=array([0.5]), is_right=array([False]))
    """
    p = probabilities(scores, inverse_temperature)
    return ProbabilitySummary(p[np.arange(len(y)), y], p.max(axis=1), p.argmax(axis=1) == y)


def probabilities(scores: np.ndarray, inverse_temperature: float) -> np.ndarray:
    """Softmax (n, C) of class scores (n, C)."""
    scaled = inverse_temperature * (scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    powers = np.exp(scaled)
    return powers / powers.sum(axis=1, keepdims=True)
