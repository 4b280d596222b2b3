"""Samples that the tests of the classifier share, and methods of every kind."""

import numpy as np
import pytest

from imprint import ImprintingClassifier
from imprint.method.configuration import Auto

FM = {
    "model": "resnet18.tv_in1k",
    "weights_sha256": "ab" * 32,
    "transform": {"size": [224, 224], "fit": "center"},
}
OWN_CLASSIFIER = np.random.default_rng(5).normal(size=(11, 6)).astype(np.float32)


def samples(seed, n=150, d=6, classes=6, spread=0.8):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    centres = np.random.default_rng(99).normal(size=(classes, d))
    return (centres[y] + spread * rng.normal(size=(n, d))).astype(np.float32), y


X, Y = samples(0)
TEST, TEST_Y = samples(1)


METHODS = [
    {"gen": "mean"},
    {"gen": "mean", "norm_post": "quantile", "norm_pre": "none", "norm_inf": "none"},
    {"gen": "ls", "norm_post": "none"},
    {"gen": "kls", "k": 3},
    {"gen": "kmeans", "k": 4, "norm_post": "quantile"},
    {"gen": "kmeans", "k": 4, "norm_post": "quantile_pooled"},
    {"gen": "fps", "k": 4, "norm_post": "quantile"},
    {"gen": "random", "k": 4, "norm_post": "quantile_fm"},
    {"gen": "all", "norm_post": "quantile_pooled"},
    {"gen": "mean", "norm_post": "whiten(0.3)+l2"},
    {"gen": "kmeans", "k": 3, "norm_post": "l2+whiten(0.2)", "distance": "euclidean"},
    {"gen": "mean", "norm_post": "center+l2", "agg": "mnn", "m": 2, "distance": "cosine"},
]
each_method = pytest.mark.parametrize(
    "method", METHODS, ids=lambda method: "-".join(map(str, method.values()))
)


def new(method):
    return ImprintingClassifier(**method, random_state=7, fm_classifier=OWN_CLASSIFIER)


def alike(one, other):
    np.testing.assert_array_equal(one.classes_, other.classes_)
    np.testing.assert_array_equal(one.proxy_classes_, other.proxy_classes_)
    np.testing.assert_allclose(one.proxies_, other.proxies_, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(
        one.decision_function(TEST), other.decision_function(TEST), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(one.class_counts_, other.class_counts_)


def estimator(cell, seed=7):
    parameters = {name: value for name, value in cell.columns().items() if value is not None}
    if isinstance(cell.k, Auto):
        parameters["k"] = "auto"
    return ImprintingClassifier(
        **parameters, random_state=seed, ls_lambda=0.1, fm_classifier=OWN_CLASSIFIER
    )
