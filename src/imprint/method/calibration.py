"""Class scores as probabilities: a softmax with a temperature fitted to held-out samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEMPERATURES = np.geomspace(0.01, 2000, 80)  # inverse temperatures of standardised scores


@dataclass(frozen=True)
class Calibration:
    """Class scores turned into probabilities.

    Attributes
    ----------
    inverse_temperature : float
        Factor of the scores before the softmax.
    losses : ndarray of shape (n,)
        The log loss of each sample.
    """

    inverse_temperature: float
    losses: np.ndarray


def calibrate(scores: np.ndarray, y: np.ndarray) -> Calibration:
    """Fit the temperature of a softmax of class scores (n, C) to labels y (n,), by the mean log loss (Guo et al. 2017)."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    true_scores = shifted[np.arange(len(y)), y]
    unit = shifted.std() or 1.0

    def losses(inverse: float) -> np.ndarray:
        normalisers: np.ndarray = np.log(np.exp(inverse * shifted).sum(axis=1))
        return normalisers - inverse * true_scores

    tried = TEMPERATURES / unit
    best = min(tried, key=lambda inverse: float(losses(inverse).mean()))
    return Calibration(float(best), losses(best))


def probabilities(scores: np.ndarray, inverse_temperature: float) -> np.ndarray:
    """Softmax (n, C) of class scores (n, C)."""
    scaled = inverse_temperature * (scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    powers = np.exp(scaled)
    of_classes: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return of_classes
