"""Facts of the weights of votes."""

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.engine import predict
from imprint.method.scoring import CandidateHead
from imprint.method.weightings import WEIGHTINGS, find_weighting, vote_weights, weighting
from tests.method.definitions import distances_of


def distances(seed=0, n=20, m=6):
    return np.sort(np.random.default_rng(seed).uniform(0.01, 2, size=(n, m)), axis=1)


def predicted(x, proxies, labels, scoring):
    ((_, classes),) = predict(
        x, int(labels.max()) + 1, [CandidateHead(proxies, labels, (scoring,))]
    )
    return classes


def embeddings(seed=0, n=80, p=24, d=5, classes=3):
    """Test embeddings, proxies, and the classes of these."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.r_[np.arange(classes), rng.integers(0, classes, p - classes)])
    x, proxies = rng.normal(size=(n, d)), rng.normal(size=(p, d)) + labels[:, None] / 2
    return x.astype(np.float32), proxies.astype(np.float32), labels


@pytest.mark.parametrize(
    ("text", "temperature"), [("exponential", 0.07), ("exponential(0.3)", 0.3)]
)
def test_exponential_weights_of_cosine_distances_are_those_of_cosines(text, temperature):
    """Of Wu et al. 2018: exp(cosine / temperature)."""
    cosines = 1 - distances()
    expected = np.exp(cosines / temperature)
    weights = vote_weights(text, 1 - cosines)
    shares = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True))


def test_exponential_weights_of_large_distances_are_finite():
    weights = vote_weights("exponential(0.001)", np.array([[500.0, 500.0, 501.0, 9000.0]]))
    np.testing.assert_array_equal(weights, [[1, 1, 0, 0]])


def test_votes_count_the_same_or_by_the_inverse_of_the_distance():
    np.testing.assert_array_equal(vote_weights("uniform", distances()), 1)
    np.testing.assert_allclose(vote_weights("distance", distances()) * distances(), 1)
    assert np.isfinite(vote_weights("distance", np.zeros((1, 2)))).all()


@pytest.mark.parametrize("text", ["distance", "exponential", "exponential(2)"])
def test_the_nearer_a_proxy_the_more_its_vote_counts(text):
    weights = vote_weights(text, distances().astype(np.float32))
    assert weights.dtype == np.float64
    assert (np.diff(weights, axis=1) < 0).all() and (weights > 0).all()


def test_the_temperature_leads_from_the_nearest_proxy_to_a_uniform_vote():
    x, proxies, labels = embeddings(classes=2)
    uniform = Scoring("none", "none", "mnn", "euclidean", "uniform", 5)  # no tie of two classes
    for name, same in (
        ("exponential(1e6)", uniform),
        ("exponential(1e-3)", uniform._replace(m=1)),
    ):
        np.testing.assert_array_equal(
            predicted(x, proxies, labels, uniform._replace(weighting=name)),
            predicted(x, proxies, labels, same),
        )


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("uniform", "uniform", ()),
        ("distance", "distance", ()),
        ("exponential", "exponential", (0.07,)),
        ("exponential(0.5)", "exponential", (0.5,)),
        ("exponential(1e-2)", "exponential", (0.01,)),
        ("exponential( 3 )", "exponential", (3.0,)),
    ],
)
def test_a_text_names_a_weighting_and_its_argument(text, name, arguments):
    assert find_weighting(text) == (WEIGHTINGS[name], arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exponentail", r"unknown weighting 'exponentail'; .*did you mean 'exponential'\?"),
        ("", "unknown weighting ''"),
        ("exponential(", r"unknown weighting 'exponential\('"),
        ("uniform(2)", r"weighting 'uniform\(2\)': 'uniform' takes no argument"),
        ("distance(x)", "'distance' takes no argument"),
        ("exponential()", "'exponential' takes a positive number in brackets"),
        ("exponential(warm)", "takes a positive number"),
        ("exponential(0)", "takes a positive number"),
        ("exponential(-1)", "takes a positive number"),
        ("exponential(inf)", "takes a positive number"),
        ("exponential(nan)", "takes a positive number"),
        ("exponential(1, 2)", "takes a positive number"),
    ],
)
def test_a_mistake_in_a_weighting_is_named(text, message):
    with pytest.raises(UserError, match=message):
        find_weighting(text)


@pytest.fixture
def rank_weight():
    """A weighting as a user writes it: by rank, with a base."""

    @weighting("rank", default=2.0)
    def rank(distances, base):
        return base ** -np.arange(distances.shape[1]) * np.ones(distances.shape)

    yield rank
    WEIGHTINGS.remove("rank")


@pytest.mark.parametrize(("text", "base"), [("rank", 2), ("rank(1.2)", 1.2)])
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "manhattan"])
def test_a_users_weighting_votes_as_defined(rank_weight, text, base, distance):
    x, proxies, labels = embeddings(1)
    voters = labels[np.argsort(distances_of(x, proxies, distance), axis=1)[:, :7]]
    shares = (voters[:, :, None] == np.arange(3)) * float(base) ** -np.arange(7)[:, None]
    scoring = Scoring("none", "none", "mnn", distance, text, 7)
    expected = shares.sum(axis=1).argmax(axis=1)
    np.testing.assert_array_equal(predicted(x, proxies, labels, scoring), expected)
    unweighted = predicted(x, proxies, labels, scoring._replace(weighting="uniform"))
    assert (unweighted != expected).any()


@pytest.fixture
def registered():
    """Registers weightings of the test, and takes them back afterwards."""
    names = []

    def register(name, function):
        weighting(name)(function)
        names.append(name)

    yield register
    for name in names:
        WEIGHTINGS.remove(name)


def test_a_weighting_gets_the_neighbours_that_vote_whatever_else_is_scored(registered):
    """One that depends on their number, as that of Dudani does."""
    registered("by_rank", lambda d: np.broadcast_to(np.arange(d.shape[1], 0, -1.0), d.shape))
    x, proxies, labels = embeddings()
    scorings = tuple(Scoring("none", "none", "mnn", "euclidean", "by_rank", m) for m in (3, 5, 20))
    together = {
        scoring: classes
        for users, classes in predict(x, 3, [CandidateHead(proxies, labels, scorings)])
        for _, scoring in users
    }
    for scoring in scorings:
        np.testing.assert_array_equal(together[scoring], predicted(x, proxies, labels, scoring))
        scores = class_scores(x, CandidateHead(proxies, labels, (scoring,)), 3)
        np.testing.assert_array_equal(scores.argmax(axis=1), together[scoring])


@pytest.mark.parametrize(
    "returned", [lambda d: d[:, :1], lambda d: d * np.nan, lambda d: -1 - d, lambda d: 0 * d]
)
def test_what_a_weighting_returns_is_checked(registered, returned):
    registered("wrong", returned)
    with pytest.raises(UserError, match=r"weighting 'wrong' returned weights of shape"):
        vote_weights("wrong", distances())


def test_negative_distances_do_not_weigh_votes():
    with pytest.raises(UserError, match="weighted by negative distances: the least is -2"):
        vote_weights("distance", np.array([[-2.0, 1.0]]))
    assert (vote_weights("distance", np.array([[-1e-7, 1.0]])) > 0).all()


def test_a_proxy_at_distance_0_does_not_decide_the_scale_of_scores():
    x, proxies, labels = embeddings()
    scoring = Scoring("none", "none", "mnn", "euclidean", "distance", 5)
    scores = class_scores(np.r_[x, proxies[:1]], CandidateHead(proxies, labels, (scoring,)), 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert scores[-1, labels[0]] == pytest.approx(1)
