"""References to compare imprinting with: heads that are trained or fitted in other ways, as GENs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from imprint.method import costs
from imprint.method.generate.registry import AllClasses, Generated, generator
from imprint.method.holdout import folds

# inverse penalties to try
PLAIN = np.geomspace(1e-1, 1e4, 6)  # for the original embeddings, of unit length
STANDARDISED = np.geomspace(1e-5, 1, 6)  # for standardised embeddings
MEASURED = 10_000  # samples whose scores are measured: about as many, evenly, if there are more
UNTUNED = 100.0  # for the original embeddings, if nothing can be held out


@dataclass(frozen=True, eq=False)
class _Features:
    """Values (n, d) to fit a probe to, with the inverse penalties to try."""

    name: str
    values: np.ndarray
    strengths: np.ndarray


@generator(
    "logistic",
    takes_k=False,
    seeded=True,
    sees_all_classes=True,
    has_bias=True,
    reference=True,
    loads="sklearn.linear_model",
    operations=costs.logistic,
)
def logistic(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """A linear probe: scikit-learn's `LogisticRegression`, tuned on a fold of the training samples.

    Six penalties for the original embeddings and six for standardised ones are tried, each fit starting from the one before;
    the one with the smallest log loss on the held-out fold is fitted to all samples. Weights and bias are divided by the spread of
    the scores, which changes no prediction.
    """
    from sklearn.linear_model import LogisticRegression

    if y.max() == 0:  # with one class there is nothing to learn
        return Generated(np.zeros((1, x.shape[1]), np.float32), np.zeros(1, np.int64))
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    plain = _Features("embeddings as they are", x, PLAIN)
    standardised = _Features("standardised", (x - mean) / scale, STANDARDISED)
    best, strength = plain, UNTUNED
    held = next(folds(y, run.seed), None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some fits stop before they converge
        if held is not None:
            trials = []
            for features in (plain, standardised):
                probe = LogisticRegression(warm_start=True, max_iter=200)
                for tried in features.strengths:
                    probe.set_params(C=tried).fit(features.values[~held], y[~held])
                    logarithms = probe.predict_log_proba(features.values[held])
                    true = np.maximum(logarithms[np.arange(held.sum()), y[held]], -50)
                    trials.append((-float(true.mean()), features, tried))
            _, best, strength = min(trials, key=lambda trial: trial[0])
        probe = LogisticRegression(C=strength, max_iter=500).fit(best.values, y)
    weights, bias = probe.coef_, probe.intercept_
    if len(weights) == 1:  # for two classes scikit-learn returns one row, their difference
        weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    if best is standardised:
        weights = weights / scale
        bias = bias - weights @ mean
    # C sets the scale of the scores, and every training set chooses its own. In units of their spread, scores of folds and those
    # of all samples have one temperature
    unit = _spread(x[:: max(1, round(len(x) / MEASURED))] @ weights.T + bias)
    weights, bias = weights / unit, bias / unit
    note = f"C = {strength:.3g}, {best.name}"
    return Generated(weights.astype(np.float32), np.arange(len(weights)), bias, note)


def _spread(scores: np.ndarray) -> float:
    """The standard deviation of class scores (n, C) below the largest of their row; 1 if there is none."""
    return float((scores - scores.max(axis=1, keepdims=True)).std()) or 1.0
