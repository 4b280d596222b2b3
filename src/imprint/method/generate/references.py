"""What imprinting is compared with: heads that are trained or fitted otherwise, as GENs."""

from __future__ import annotations

import warnings

import numpy as np

from imprint.method import costs
from imprint.method.generate.registry import AllClasses, Generated, generator
from imprint.method.holdout import folds

PLAIN = np.geomspace(1e-1, 1e4, 6)  # inverse penalties for embeddings as they are, of unit length
STANDARDISED = np.geomspace(1e-5, 1, 6)  # for standardised ones
UNTUNED = 100.0  # where nothing can be held out


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

    Six penalties for the embeddings as they are, six for standardised ones, each from the solution of the one before;
    the least log loss of the held-out fold wins and is fitted to all samples.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    variants = {False: (x, PLAIN), True: ((x - mean) / scale, STANDARDISED)}
    held = next(folds(y, run.seed), None)
    if y.max() == 0:  # one class leaves nothing to learn
        return Generated(np.zeros((1, x.shape[1]), np.float32), np.zeros(1, np.int64))
    best, standardised = UNTUNED, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some penalties take more iterations than they are given
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
    if len(weights) == 1:  # of two classes scikit-learn keeps one difference
        weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    if standardised:
        weights = weights / scale
        bias = bias - weights @ mean
    note = f"C = {best:.3g}, {'standardised' if standardised else 'embeddings as they are'}"
    return Generated(weights.astype(np.float32), np.arange(len(weights)), bias, note)
