"""Facts of the GENs that see all classes and have a bias: linear probes, ridge regressions, and the chosen method."""

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imprint.method.calibration import probabilities
from imprint.method.configuration import Fixed, Scoring
from imprint.method.engine import predict
from imprint.method.generate import GENERATORS
from imprint.method.generate.choose_method import choose
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.metrics import log_loss
from imprint.method.normalize import FittedNorms, Whiten, l2
from imprint.method.presets import PRESETS
from imprint.method.ridge import leave_one_out
from imprint.method.scoring import CandidateHead, candidate_head

BEST_PRODUCT = Scoring("none", "none", "max", "inner_product")

pytestmark = pytest.mark.usefixtures("one_thread")


def data(seed, n=60, d=6, classes=3, noise=1.0, clusters=1):
    """Training embeddings of unit length, their labels, and 300 test embeddings of unit length."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, clusters, d))

    def drawn(y):
        x = centres[y, rng.integers(clusters, size=len(y))] + noise * rng.normal(size=(len(y), d))
        return l2(x.astype(np.float32))

    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    return drawn(y), y, drawn(rng.integers(0, classes, 300))


def generated(gen, x, y, seed=0, **options):
    return proxy_sets(x, y, gen, [1], [seed], **options)[1, seed]


def scores(proxies, x):
    """(n, P) inner products plus the bias."""
    bias = 0 if proxies.bias is None else proxies.bias
    return x @ proxies.values.T + bias


def predicted(queries, of_method):
    ((_, classes),) = predict(queries, int(of_method.labels.max()) + 1, [of_method])
    return classes


def probe_of(note):
    """The probe that a note describes, from scikit-learn."""
    strength, features = re.fullmatch(r"C = (\S+), (.+)", note).groups()
    probe = LogisticRegression(C=float(strength), max_iter=500)
    if features == "standardised":
        return make_pipeline(StandardScaler(), probe)
    assert features == "embeddings as they are"
    return probe


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("noise", [0.3, 1.5])
def test_logistic_is_scikit_learns_with_the_penalty_of_its_note(classes, noise):
    for seed in range(3):
        x, y, queries = data(seed, classes=classes, noise=noise)
        proxies = generated("logistic", x, y)
        probe = probe_of(proxies.note).fit(x, y)
        expected = probe.predict_proba(queries)
        second, first = np.sort(expected, axis=1)[:, -2:].T
        clear = first - second > 1e-3
        assert clear.mean() > 0.95
        candidate = CandidateHead(
            proxies.values, proxies.labels, (BEST_PRODUCT,), bias=proxies.bias
        )
        np.testing.assert_array_equal(
            predicted(queries, candidate)[clear], expected.argmax(axis=1)[clear]
        )


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_scores_are_those_of_the_probe_in_units_of_their_spread(classes):
    x, y, queries = data(1, classes=classes)
    proxies = generated("logistic", x, y)
    logarithms = probe_of(proxies.note).fit(x, y).predict_log_proba(queries)
    expected = logarithms - logarithms.max(axis=1, keepdims=True)
    below = scores(proxies, queries) - scores(proxies, queries).max(axis=1, keepdims=True)
    factor = (expected * below).sum() / (below**2).sum()
    np.testing.assert_allclose(factor * below, expected, atol=5e-3 * np.abs(expected).max())
    of_training = scores(proxies, x)
    assert np.std(of_training - of_training.max(axis=1, keepdims=True)) == pytest.approx(1)


def test_the_temperature_of_held_out_probes_is_that_of_the_probe_of_all_samples():
    """Although each fold chooses its own C, here often many times another."""
    losses = []
    for seed in (3, 4, 5):
        x, y, _ = data(seed, n=60, d=10, noise=1.2)
        new, of_new = x[30:], y[30:]
        x, y = x[:30], y[:30]
        inverse = choose(x, y, seed, [PRESETS["probe"].configuration]).inverse_temperature
        of_new_samples = scores(generated("logistic", x, y, seed), new)
        fitted, *others = (
            log_loss(probabilities(of_new_samples, factor * inverse)[np.arange(len(new)), of_new])
            for factor in (1, *np.geomspace(0.05, 20, 60))
        )
        losses.append(fitted - min(others))
    assert np.mean(losses) < 0.1


def test_logistic_without_samples_to_hold_out_separates_the_classes():
    x, y, _ = data(0, n=4, classes=4)
    proxies = generated("logistic", x, y)
    assert proxies.note == "C = 100, embeddings as they are"
    np.testing.assert_array_equal(scores(proxies, x).argmax(axis=1), y)


def test_logistic_of_constant_features_is_finite():
    x, y, _ = data(2)
    x[:, 3] = 0.5
    proxies = generated("logistic", x, y)
    assert np.isfinite(proxies.values).all() and np.isfinite(proxies.bias).all()


@pytest.mark.parametrize("gen", ["ridge", "ridge_balanced", "ridge_origin"])
def test_ridge_is_scikit_learns_ridge_regression_of_one_hot_labels(gen):
    x, y, queries = data(3, n=90)
    y[(y == 2) & (np.arange(90) % 3 > 0)] = 0  # classes of different sizes
    proxies = generated(gen, x, y)
    balanced, intercept = gen == "ridge_balanced", gen != "ridge_origin"
    penalty = leave_one_out(x, y, balanced=balanced, intercept=intercept).penalty
    weights = (len(y) / 3 / np.bincount(y))[y] if balanced else None
    ridge = Ridge(alpha=penalty, fit_intercept=intercept).fit(
        x, np.eye(3)[y], sample_weight=weights
    )
    np.testing.assert_allclose(proxies.values, ridge.coef_, rtol=1e-3, atol=1e-4)
    assert (proxies.bias is not None) == GENERATORS[gen].has_bias == intercept
    np.testing.assert_allclose(scores(proxies, queries), ridge.predict(queries), atol=1e-3)


def test_balanced_ridge_does_not_prefer_the_larger_class():
    x, y, queries = data(4, n=300, classes=2, noise=2)
    rare = (y == 1) & (np.random.default_rng(0).random(300) < 0.9)
    x, y = x[~rare], y[~rare]
    shares = {
        gen: scores(generated(gen, x, y), queries).argmax(axis=1).mean()
        for gen in ("ridge", "ridge_balanced")
    }
    assert shares["ridge"] < 0.25 < 0.4 < shares["ridge_balanced"]


@pytest.mark.parametrize("gen", sorted(GENERATORS.names(has_bias=True)))
def test_a_bias_is_of_use_to_the_best_product_alone(gen):
    entry = GENERATORS[gen]
    scoring = Scoring("none", "l2", "max", "inner_product")
    assert entry.problem("l2", scoring) is None
    for other in (
        scoring._replace(distance="euclidean"),
        scoring._replace(norm_post="l2"),
        scoring._replace(agg="mnn", weighting="uniform", m=3),
    ):
        assert "has a bias" in entry.problem("l2", other)


def of_chosen_method(x, y, queries, seed):
    """The choice, and what its method predicts with its own fitted NORMs."""
    choice = choose(x, y, seed)
    method = choice.configuration
    norms = FittedNorms(x, y)
    assert isinstance(method.k, Fixed)
    sets = proxy_sets(
        norms.apply_to_embeddings(method.norm_pre, x), y, method.gen, [method.k.k], [seed]
    )
    candidate = candidate_head(sets[method.k.k, seed], x, method.norm_pre, (method.scoring,), norms)
    return choice, predicted(queries, candidate)


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ({"seed": 1, "d": 8, "noise": 0.6}, "mean, NORM l2/whiten+l2/l2"),
        ({"seed": 2, "d": 5, "noise": 0.25, "clusters": 3}, "kmeans k=5, NORM l2/whiten+l2/l2"),
        ({"seed": 0, "d": 5, "noise": 0.25, "clusters": 3}, "kmeans k=20, NORM l2/whiten+l2/l2"),
        ({"seed": 0, "d": 20, "noise": 1.2}, "mean, NORM l2/l2/l2"),
    ],
    ids=str,
)
def test_auto_predicts_as_the_method_that_is_chosen(task, method):
    x, y, queries = data(n=75, **task)
    choice, expected = of_chosen_method(x, y, queries, seed=2)
    assert choice.configuration.text.startswith(method)
    proxies = generated("auto", x, y, seed=2)
    assert choice.reason in proxies.note
    for norm_inf in ("none", "l2"):  # test embeddings have unit length
        scoring = BEST_PRODUCT._replace(norm_inf=norm_inf)
        candidate = CandidateHead(proxies.values, proxies.labels, (scoring,), bias=proxies.bias)
        assert (predicted(queries, candidate) == expected).mean() > 0.99  # but for near ties


def test_auto_of_one_sample_a_class_is_the_whitened_sample():
    x, y, _ = data(6, n=4, classes=4)
    proxies = generated("auto", x, y)
    whiten = Whiten().fit(x, y)
    expected = l2(whiten.transform(x)) @ whiten.components_.T
    np.testing.assert_allclose(l2(proxies.values), l2(expected), rtol=1e-4)
    assert "fewer than two classes have two samples" in proxies.note


def test_auto_needs_embeddings_of_unit_length():
    entry = GENERATORS["auto"]
    assert entry.problem("l2", BEST_PRODUCT._replace(norm_inf="l2")) is None
    for norm_pre, norm_inf in (("none", "l2"), ("l2", "none"), ("none", "none")):
        problem = entry.problem(norm_pre, BEST_PRODUCT._replace(norm_inf=norm_inf))
        assert problem == "GEN auto needs norm_pre l2 and norm_inf l2"
