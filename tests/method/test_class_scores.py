"""The score of a class is the similarity of its nearest proxy."""

import numpy as np
import pytest

from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.engine import predict
from imprint.method.normalize import FittedNorms
from imprint.method.scoring import CandidateHead, nearest_proxies
from tests.method.definitions import similarities_of


@pytest.mark.parametrize(
    "distance", ["inner_product", "cosine", "euclidean", "mahalanobis", "manhattan"]
)
@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("more", [0, 40])
def test_class_scores_are_those_of_the_nearest_proxies(monkeypatch, distance, block, more):
    monkeypatch.setattr("imprint.method.nearest.BLOCK_COLUMNS", block)
    rng = np.random.default_rng(1)
    labels = np.sort(np.r_[np.arange(9), rng.integers(0, 9, more)])  # classes of unequal size
    x, p = (rng.normal(size=(n, 6)).astype(np.float32) for n in (300, len(labels)))
    scoring = Scoring("none", "none", "max", distance)
    candidate = CandidateHead(p, labels, (scoring,))
    exact = similarities_of(x, p, distance)
    of_classes = np.stack([exact[:, labels == c].max(axis=1) for c in range(9)], axis=1)
    scores = class_scores(x, candidate, 9)
    np.testing.assert_allclose(scores, of_classes, rtol=1e-4, atol=1e-5)
    ((_, predicted),) = predict(x, 9, [candidate])
    np.testing.assert_array_equal(scores.argmax(axis=1), predicted)


@pytest.mark.parametrize("distance", ["euclidean", "mahalanobis", "manhattan"])
def test_classes_are_told_apart_at_large_distances_that_they_share(distance):
    """Test embeddings leave the span of the proxies, where a Mahalanobis distance has a factor of a thousand."""
    rng = np.random.default_rng(2)
    x, p = (rng.normal(size=(n, 40)).astype(np.float32) for n in (500, 9))
    candidate = CandidateHead(100 * p, np.arange(9), (Scoring("none", "none", "max", distance),))
    ((_, predicted),) = predict(100 * x, 9, [candidate])
    scores = class_scores(100 * x, candidate, 9)
    assert (scores.argmax(axis=1) == predicted).mean() > 0.99


@pytest.mark.parametrize("distance", ["euclidean", "mahalanobis"])
@pytest.mark.parametrize("smallest", [1, 1e-3])
def test_scores_of_correlated_dimensions_keep_their_digits(distance, smallest):
    """Whitening by a covariance with a condition number of up to 1e8, at which float32 keeps few digits of products."""
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.normal(size=(64, 64)))[0]
    spread = np.geomspace(smallest, 10, 64)
    x, p = ((rng.normal(size=(n, 64)) * spread @ rotation).astype(np.float32) for n in (200, 300))
    candidate = CandidateHead(p, np.arange(300), (Scoring("none", "none", "max", distance),))
    scores = class_scores(x, candidate, 300)
    np.testing.assert_allclose(scores, similarities_of(x, p, distance), rtol=1e-4)


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "mahalanobis", "manhattan"])
@pytest.mark.parametrize("offset", [0, 100])
def test_a_proxy_is_at_distance_zero_from_itself(distance, offset):
    p = np.random.default_rng(4).normal(offset, size=(200, 16)).astype(np.float32)
    candidate = CandidateHead(p, np.arange(200), (Scoring("none", "none", "max", distance),))
    nearest = nearest_proxies(p, candidate, 3)
    np.testing.assert_array_equal(nearest.numbers[:, 0], np.arange(200))
    assert (nearest.distances[:, 0] < 1e-7 * nearest.distances[:, 1]).all()


@pytest.mark.parametrize("scale", [1, 100, 1000])
def test_fewer_proxies_than_dimensions_have_equal_mahalanobis_distances(scale):
    """Whitening makes them the corners of a simplex, and rounding errors, which leave their span, a thousand times larger."""
    p = scale * np.random.default_rng(6).normal(size=(10, 512)).astype(np.float32)
    candidate = CandidateHead(p, np.arange(10), (Scoring("none", "none", "max", "mahalanobis"),))
    nearest = nearest_proxies(p, candidate, 10)
    np.testing.assert_array_equal(nearest.numbers[:, 0], np.arange(10))
    np.testing.assert_array_equal(nearest.distances[:, 0], 0)
    np.testing.assert_allclose(nearest.distances[:, 1:], np.sqrt(2 * 9), rtol=1e-5)


def test_embeddings_that_are_mapped_once_score_alike():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 5)).astype(np.float32), np.repeat(np.arange(3), 20)
    norms, mapped = FittedNorms(x, y), {}
    for norm_post, norm_inf in (("whiten+l2", "l2"), ("whiten+l2", "none"), ("none", "l2")):
        scoring = Scoring(norm_post, norm_inf, "max", "inner_product")
        one = CandidateHead(x[::20], np.arange(3), (scoring,), norms=norms)
        for _ in range(2):
            np.testing.assert_array_equal(
                class_scores(x, one, 3, mapped=mapped), class_scores(x, one, 3)
            )
    assert len(mapped) == 3
