"""References to compare imprinting with: heads that are trained or fitted in other ways, as GENs."""

from __future__ import annotations

import warnings

import numpy as np

from imprint.method import costs
from imprint.method.generate.registry import AllClasses, Generated, generator
from imprint.method.holdout import folds

PLAIN = np.geomspace(1e-1, 1e4, 6)  # inverse penalties for the original embeddings, of unit length
STANDARDISED = np.geomspace(1e-5, 1, 6)  # inverse penalties for standardised embeddings
UNTUNED = 100.0  # inverse penalty if nothing can be held out


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
    the one with the smallest log loss on the held-out fold is fitted to all samples.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    variants = {False: (x, PLAIN), True: ((x - mean) / scale, STANDARDISED)}
    held = next(folds(y, run.seed), None)
    if y.max() == 0:  # with one class there is nothing to learn
        return Generated(np.zeros((1, x.shape[1]), np.float32), np.zeros(1, np.int64))
    best, standardised = UNTUNED, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some fits stop before they converge
        if held is not None:
            losses = {}
            for name, (features, strengths) in variants.items():
                probe = LogisticRegression(warm_start=True, max_iter=200)
                for strength in strengths:
                    probe.set_params(C=strength).fit(features[~held], y[~held])
                    of_true = probe.predict_log_proba(features[held])[
                        np.arange(held.sum()), y[held]
                    ]
                    losses[name, strength] = -float(np.maximum(of_true, -50).mean())
            standardised, best = min(losses, key=lambda key: losses[key])
        probe = LogisticRegression(C=best, max_iter=500).fit(variants[standardised][0], y)
    weights, bias = probe.coef_, probe.intercept_
    if len(weights) == 1:  # for two classes scikit-learn returns one row, their difference
        weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    if standardised:
        weights = weights / scale
        bias = bias - weights @ mean
    note = f"C = {best:.3g}, {'standardised' if standardised else 'embeddings as they are'}"
    return Generated(weights.astype(np.float32), np.arange(len(weights)), bias, note)
