"""Class scores as probabilities: a softmax at a temperature that held-out samples choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEMPERATURES = np.geomspace(0.01, 2000, 80)  # inverse ones, in standard deviations of the scores


@dataclass(frozen=True)
class Calibration:
    """Class scores turned into probabilities.

    Attributes
    ----------
    inverse_temperature : float
        What the scores are multiplied with before the softmax.
    losses : ndarray of shape (n,)
        The log loss of each sample.
    """

    inverse_temperature: float
    losses: np.ndarray


def calibrate(scores: np.ndarray, y: np.ndarray) -> Calibration:
    """Fit the temperature of a softmax of class scores (n, C) to labels y (n,), by the mean log loss (Guo et al. 2017)."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    of_class = shifted[np.arange(len(y)), y]
    unit = shifted.std() or 1.0

    def losses(inverse: float) -> np.ndarray:
        of_all: np.ndarray = np.log(np.exp(inverse * shifted).sum(axis=1))
        return of_all - inverse * of_class

    tried = TEMPERATURES / unit
    best = min(tried, key=lambda inverse: float(losses(inverse).mean()))
    return Calibration(float(best), losses(best))


def probabilities(scores: np.ndarray, inverse_temperature: float) -> np.ndarray:
    """Softmax (n, C) of class scores (n, C)."""
    scaled = inverse_temperature * (scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    powers = np.exp(scaled)
    of_classes: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return of_classes
