"""AGGs of the user's: functions of the similarities of all proxies."""

import numpy as np
import pytest

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.estimator.sample_warnings import warn_once
from imprint.method.aggregations import AGGREGATIONS
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.engine import predict
from imprint.method.scoring import CandidateHead
from tests.method.definitions import similarities_of

MEAN = """
import numpy as np
from imprint.method.aggregations import aggregation


@aggregation("mean_similarity"{properties})
def mean_similarity(similarities, labels, classes):
    return {returned}
"""
STACKED = "np.stack([similarities[:, labels == c].mean(axis=1) for c in range(classes)], axis=1)"


def candidate(*scorings, classes=4, each=3, seed=0):
    rng = np.random.default_rng(seed)
    proxies = rng.normal(size=(classes * each, 6)).astype(np.float32)
    return CandidateHead(proxies, np.repeat(np.arange(classes), each), scorings)


def predictions(x, of_candidate, classes=4):
    return {
        scoring: classes_of
        for users, classes_of in predict(x, classes, [of_candidate])
        for _, scoring in users
    }


@pytest.mark.parametrize("n", [7, 2000], ids=["few", "in strips"])
@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("norm_inf", ["none", "l2"])
@pytest.mark.parametrize("distance", ["inner_product", "cosine", "euclidean", "manhattan"])
def test_predictions_and_class_scores_equal_the_definition(load, n, each, norm_inf, distance):
    load(MEAN.format(properties="", returned=STACKED))
    x = np.random.default_rng(1).normal(size=(n, 6)).astype(np.float32)
    of_mean = Scoring("none", norm_inf, "mean_similarity", distance)
    head = candidate(of_mean, Scoring("none", norm_inf, "max", distance), each=each)
    queries = x / np.linalg.norm(x, axis=1, keepdims=True) if norm_inf == "l2" else x
    if distance == "manhattan":
        similarities = -np.abs(queries[:, None] - head.values[None]).sum(axis=2)
    else:
        similarities = similarities_of(queries, head.values, distance)
    expected = similarities.reshape(n, 4, each).mean(axis=2)
    np.testing.assert_allclose(class_scores(x, head, 4), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(predictions(x, head)[of_mean], expected.argmax(axis=1))


def test_it_may_compute_in_place(load):
    load(
        MEAN.format(
            properties="", returned="similarities.__imul__(0)[:, :classes] + labels[:classes]"
        )
    )
    head = candidate(Scoring("none", "none", "mean_similarity", "inner_product"), each=1)
    x = np.eye(6, dtype=np.float32)
    np.testing.assert_array_equal(class_scores(x, head, 4), np.tile(np.arange(4), (6, 1)))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            "similarities",
            r"returned an array of shape \(5, 12\) for 5 embeddings, 12 proxies and 4",
        ),
        (f"{STACKED} * np.nan", "returned NaN"),
        (f"{STACKED} - np.inf", "returned infinity"),
        (f"{STACKED} * 1j", "returned complex"),
        ("similarities.missing", r"'mean_similarity' of .*mine.py:8 failed: AttributeError"),
    ],
)
def test_what_it_returns_is_checked(load, returned, message):
    load(MEAN.format(properties="", returned=returned))
    head = candidate(Scoring("none", "none", "mean_similarity", "inner_product"))
    with pytest.raises(UserError, match=message):
        class_scores(np.ones((5, 6), np.float32), head, 4)


def test_a_head_is_fitted_saved_and_used_with_it(load, tmp_path):
    load(MEAN.format(properties="", returned=STACKED))
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 6)) + 3 * np.eye(3, 6)[y]
    head = ImprintingClassifier(gen="kmeans", k=3, agg="mean_similarity").fit(x, y)
    assert head.score(x, y) > 0.8
    with pytest.raises(UserError, match="a head with agg mean_similarity cannot be exported"):
        head.to_torch()
    head.save(tmp_path / "head.safetensors", fm={"model": "net"})
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    np.testing.assert_array_equal(loaded.decision_function(x), head.decision_function(x))


def test_its_default_weighting_is_taken_where_none_is_named(load):
    load(
        MEAN.replace("labels, classes)", "labels, classes, temperature)").format(
            properties=", default_weighting='exponential(0.5)'", returned=f"{STACKED} * temperature"
        )
    )
    x = np.eye(6, dtype=np.float32)
    head = ImprintingClassifier(gen="mean", agg="mean_similarity").fit(x, [0, 0, 1, 1, 2, 2])
    assert head.configuration_.scoring.weighting == "exponential(0.5)"
    half = ImprintingClassifier(gen="mean").fit(x, [0, 0, 1, 1, 2, 2]).decision_function(x) / 2
    np.testing.assert_allclose(head.decision_function(x), half, rtol=1e-6)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"weighting": "distance"}, "only agg mnn and logsumexp take it"),
        ({"m": 3}, "only agg mnn takes it"),
    ],
)
def test_choices_that_it_does_not_take(load, named, message):
    load(MEAN.format(properties="", returned=STACKED))
    warn_once.cache_clear()  # other tests may have given the warning
    x, y = np.eye(6), [0, 0, 1, 1, 2, 2]
    with pytest.warns(UserWarning, match=message):
        ImprintingClassifier(gen="mean", agg="mean_similarity", **named).fit(x, y)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (", default_distance='cosin'", r"mine.py: AGG 'mean_similarity': unknown distance 'cosin'"),
        (", default_weighting='uniforme'", r"AGG 'mean_similarity': unknown weighting 'uniforme'"),
        (", takes_m=True", "unexpected keyword argument 'takes_m'"),
    ],
)
def test_a_file_that_names_what_there_is_not_registers_nothing(load, properties, message):
    before = set(AGGREGATIONS)
    with pytest.raises(UserError, match=message):
        load(MEAN.format(properties=properties, returned=STACKED))
    assert set(AGGREGATIONS) == before


def test_a_misspelt_name():
    with pytest.raises(UserError, match=r"agg='maxx'; known: max, mnn, logsumexp .*'max'"):
        ImprintingClassifier(gen="mean", agg="maxx").fit(np.eye(4), [0, 0, 1, 1])
