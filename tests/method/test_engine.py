"""Facts of AGG and of the grid engine: it gives what a plain evaluation of one configuration at a time gives."""

import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from imprint.errors import UserError
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.distances import DISTANCES
from imprint.method.engine import Effort, evaluate, predict
from imprint.method.metrics import scores
from imprint.method.normalize import NORMS, FittedNorms, apply, l2
from imprint.method.scoring import CandidateHead
from tests.devices import DEVICES
from tests.method.definitions import distances_of, similarities_of
from tests.method.threads import one_thread

NORM_POST, NORM_INF = NORMS.names(fitted=None), NORMS.names(of_rows=True, fitted=None)

seeds = st.integers(0, 2**32 - 1)
MS = (1, 2, 3, 7, 1000)
HEAD = np.random.default_rng(5).normal(size=(6, 8)).astype(np.float32)  # an FM's own classifier


def data(seed=0, n=40, p=30, d=8, classes=4):
    rng = np.random.default_rng(seed)
    labels = np.sort(np.r_[np.arange(classes), rng.integers(0, classes, p - classes)])
    y = rng.integers(0, classes, n)
    centres = rng.normal(size=(classes, d))
    proxies = (centres[labels] + rng.normal(size=(p, d))) * rng.uniform(0.5, 2, size=(p, 1))
    x = (centres[y] + rng.normal(size=(n, d))) * rng.uniform(0.5, 2, size=(n, 1))
    return x.astype(np.float32), y, proxies.astype(np.float32), labels


class Plain:
    """Every configuration by its definition, in float64; distances and their orders are computed once."""

    def __init__(self, x, proxies, labels, classes):
        self.x, self.proxies, self.labels, self.classes = x, proxies, labels, classes
        self.rankings = {}

    def ranking(self, norm_post, norm_inf, distance, noise):
        """Distances (n, P) and their order; `noise` seeds a millionth that is added to the distances."""
        key = norm_post, norm_inf, distance, noise
        if key in self.rankings:
            return self.rankings[key]
        if noise:
            distances, _ = self.ranking(norm_post, norm_inf, distance, 0)
            random = np.random.default_rng(noise).normal(size=distances.shape)
            distances = distances + 1e-6 * np.abs(distances).max(axis=1, keepdims=True) * random
        else:
            p = FittedNorms().apply_to_proxies("none", norm_post, self.proxies, self.labels, HEAD)
            distances = distances_of(apply(norm_inf, self.x), p, distance)
        self.rankings[key] = distances, np.argsort(distances, axis=1, kind="stable")
        return self.rankings[key]

    def predict(self, scoring, noise=0):
        distances, order = self.ranking(
            scoring.norm_post, scoring.norm_inf, scoring.distance, noise
        )
        nearest = order[:, : scoring.m or 1]
        weights = np.ones(nearest.shape)
        if scoring.weighting == "distance":
            weights = 1 / (np.take_along_axis(distances, nearest, axis=1) + 1e-10)
        votes = np.zeros((len(distances), self.classes))
        np.add.at(votes, (np.arange(len(votes))[:, None], self.labels[nearest]), weights)
        return votes.argmax(axis=1)

    def clear(self, scoring):
        """Rows (n,) whose class does not depend on the last digits of the distances."""
        exact = self.predict(scoring)
        return np.all([self.predict(scoring, noise) == exact for noise in (1, 2)], axis=0)


def every_scoring():
    for post, inf, distance in product(NORM_POST, NORM_INF, DISTANCES):
        if not DISTANCES.find(distance).from_product and post.startswith("quantile"):
            continue  # the proxies are permutations of the same values, so sums or maxima of differences are often equal
        yield Scoring(post, inf, "max", distance)
        for m in MS:
            yield Scoring(post, inf, "mnn", distance, "uniform", m)
            if distance != "inner_product":
                yield Scoring(post, inf, "mnn", distance, "distance", m)


def predictions(x, classes, candidates, **options):
    by_scoring = [{} for _ in candidates]
    for users, predicted in predict(x, classes, candidates, fm_classifier=HEAD, **options):
        for i, scoring in users:
            assert scoring not in by_scoring[i]
            by_scoring[i][scoring] = predicted
    return by_scoring


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_every_configuration_equals_its_definition(seed):
    x, _, proxies, labels = data(seed)
    wanted = tuple(every_scoring())
    with one_thread():
        (predicted,) = predictions(x, 4, [CandidateHead(proxies, labels, wanted)])
    assert set(predicted) == set(wanted)
    clears, plain = [], Plain(x, proxies, labels, 4)
    for scoring in wanted:
        sure = plain.clear(scoring)
        clears.append(sure.mean())
        expected = plain.predict(scoring)
        np.testing.assert_array_equal(
            predicted[scoring][sure], expected[sure], err_msg=str(scoring)
        )
    assert np.mean(clears) > 0.9


def test_blocks_and_memory_change_nothing(monkeypatch):
    x, _, proxies, labels = data(3, n=200, p=100)
    few = data(4, p=9)[2:]
    candidates = [
        CandidateHead(proxies, labels, tuple(every_scoring())),
        CandidateHead(*few, tuple(every_scoring())),
    ]
    whole = predictions(x, 4, candidates)
    monkeypatch.setattr("imprint.method.nearest.BLOCK_COLUMNS", 7)
    parts = predictions(x, 4, candidates, memory=2000)
    for expected, other in zip(whole, parts, strict=True):
        for scoring in expected:
            assert (expected[scoring] != other[scoring]).mean() <= 0.005, (
                scoring
            )  # rounding may turn a tie


def test_many_rows_are_predicted_as_a_few_of_them(monkeypatch):
    """Many rows are distributed over threads, a few are not."""
    monkeypatch.setattr("imprint.method.rankings.MANY_PRODUCTS", 1000 * 30)
    x, _, proxies, labels = data(13, n=2000)
    candidates = [CandidateHead(proxies, labels, tuple(every_scoring()))]
    (whole,) = predictions(x, 4, candidates)
    parts = [predictions(rows, 4, candidates)[0] for rows in np.array_split(x, 20)]
    for scoring, predicted in whole.items():
        other = np.concatenate([part[scoring] for part in parts])
        assert (predicted != other).mean() <= 0.005, scoring  # rounding may turn a tie


@pytest.mark.parametrize("norm", ["none", "l2", "quantile", "quantile_pooled"])
def test_unit_proxies_are_those_divided_by_their_lengths(norm):
    x, _, proxies, labels = data(9)
    wanted = tuple(s for s in every_scoring() if s.norm_post == norm)
    divided = CandidateHead(l2(proxies), labels, wanted)
    predicted, other = (
        predictions(x, 4, [c])[0]
        for c in (CandidateHead(proxies, labels, wanted, unit_length=True), divided)
    )
    plain = Plain(x, l2(proxies), labels, 4)
    for scoring in wanted:
        sure = plain.clear(scoring)
        np.testing.assert_array_equal(
            predicted[scoring][sure], other[scoring][sure], err_msg=str(scoring)
        )


@pytest.mark.parametrize("device", DEVICES)
def test_torch_finds_the_same_as_the_compiled_loops(monkeypatch, device):
    monkeypatch.setattr("imprint.method.nearest.BLOCK_COLUMNS", 11)
    x, _, proxies, labels = data(10, n=100, p=60)
    wanted = tuple(every_scoring())
    (predicted,) = predictions(x, 4, [CandidateHead(proxies, labels, wanted)])
    (other,) = predictions(x, 4, [CandidateHead(proxies, labels, wanted)], device=device)
    plain = Plain(x, proxies, labels, 4)
    for scoring in wanted:
        sure = plain.clear(scoring)
        np.testing.assert_array_equal(
            predicted[scoring][sure], other[scoring][sure], err_msg=str(scoring)
        )


def test_quantile_fm_without_a_head_says_what_to_use():
    x, _, proxies, labels = data(11)
    with pytest.raises(UserError, match="quantile_pooled"):
        list(
            predict(
                x,
                4,
                [
                    CandidateHead(
                        proxies, labels, (Scoring("quantile_fm", "l2", "max", "inner_product"),)
                    )
                ],
            )
        )


def test_max_is_the_nearest_neighbour_of_unit_vectors():
    x, _, proxies, labels = data(5)
    wanted = (
        Scoring("l2", "l2", "max", "inner_product"),
        Scoring("l2", "l2", "mnn", "euclidean", "uniform", 1),
        Scoring("l2", "none", "mnn", "cosine", "distance", 1),
    )
    (predicted,) = predictions(x, 4, [CandidateHead(proxies, labels, wanted)])
    np.testing.assert_array_equal(predicted[wanted[0]], predicted[wanted[1]])
    np.testing.assert_array_equal(predicted[wanted[0]], predicted[wanted[2]])


def test_norms_that_only_scale_embeddings_share_one_ranking_by_inner_product():
    x, _, proxies, labels = data(6)
    wanted = tuple(Scoring("none", inf, "max", "inner_product") for inf in ("none", "l2"))
    effort = Effort()
    (predicted,) = predictions(x, 4, [CandidateHead(proxies, labels, wanted)], effort=effort)
    np.testing.assert_array_equal(predicted[wanted[0]], predicted[wanted[1]])
    assert (effort.rankings, effort.predictions) == (1, 1)


def test_all_proxies_voting_alike_elect_the_class_with_the_most_proxies():
    x, _, proxies, _ = data(7, p=12)
    labels = np.repeat([0, 1, 2], [3, 5, 4])
    scoring = Scoring("none", "none", "mnn", "euclidean", "uniform", 12)
    (predicted,) = predictions(x, 3, [CandidateHead(proxies, labels, (scoring,))])
    assert (predicted[scoring] == 1).all()


def test_names_of_classes_do_not_matter():
    x, _, proxies, labels = data(12, n=300, p=40)
    rename = np.array([2, 0, 3, 1])
    order = np.argsort(rename[labels], kind="stable")
    wanted = tuple(
        Scoring(post, "l2", "mnn", d, "distance", m)
        for post in ("none", "l2")
        for d in ("cosine", "manhattan")
        for m in (1, 5)
    )
    (predicted,) = predictions(x, 4, [CandidateHead(proxies, labels, wanted)])
    (other,) = predictions(x, 4, [CandidateHead(proxies[order], rename[labels][order], wanted)])
    for scoring in wanted:
        np.testing.assert_array_equal(rename[predicted[scoring]], other[scoring])


def test_a_tied_vote_goes_to_the_lowest_class():
    proxies = np.array([[2.0, 0], [1.0, 0]], np.float32)
    scoring = Scoring("none", "none", "mnn", "euclidean", "uniform", 2)
    (predicted,) = predictions(
        np.array([[1.0, 0]], np.float32), 2, [CandidateHead(proxies, np.array([0, 1]), (scoring,))]
    )
    assert predicted[scoring] == [0]


def test_a_test_sample_that_is_a_proxy_outweighs_all_others():
    rng = np.random.default_rng(0)
    proxies = (100 + rng.normal(size=(50, 64))).astype(np.float32)
    labels = np.repeat([0, 1], [1, 49])
    scoring = Scoring("none", "none", "mnn", "euclidean", "distance", 50)
    (predicted,) = predictions(proxies[:1], 2, [CandidateHead(proxies, labels, (scoring,))])
    assert predicted[scoring] == [0]


def test_zero_vectors_are_classified_as_defined():
    x, proxies = np.zeros((1, 3), np.float32), np.zeros((4, 3), np.float32)
    proxies[3, 0] = 1
    labels = np.array([0, 0, 1, 1])
    # the cosine of a zero vector is not defined
    wanted = tuple(s for s in every_scoring() if s.distance != "cosine")
    (predicted,) = predictions(x, 2, [CandidateHead(proxies, labels, wanted)])
    plain = Plain(x, proxies, labels, 2)
    decided = [s for s in wanted if plain.clear(s)[0]]
    assert decided
    for scoring in decided:
        assert predicted[scoring] == plain.predict(scoring), scoring


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_scores_are_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    y, predicted = rng.integers(0, 5, 30), rng.integers(0, 4, 30)
    measured = scores(y, predicted, 6)
    assert measured.accuracy == pytest.approx(accuracy_score(y, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted but not there
        expected = balanced_accuracy_score(y, predicted)
    assert measured.balanced_accuracy == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        per_class = f1_score(y, predicted, average=None, labels=range(6), zero_division=np.nan)
    np.testing.assert_allclose(measured.class_f1, per_class)
    assert measured.macro_f1 == pytest.approx(
        f1_score(y, predicted, average="macro", zero_division=0)
    )
    assert measured.accuracy_low <= measured.accuracy <= measured.accuracy_high


def test_the_interval_is_wilsons():
    y = np.zeros(10, int)
    measured = scores(y, np.r_[np.zeros(7, int), np.ones(3, int)], 2)
    # Wilson 1927: 7 of 10 gives 0.397 to 0.892
    assert measured.accuracy_low == pytest.approx(0.3968, abs=1e-4)
    assert measured.accuracy_high == pytest.approx(0.8922, abs=1e-4)
    for n in range(1, 200):  # rounding must not lead beyond what a share can be
        all_right = scores(np.zeros(n, int), np.zeros(n, int), 1)
        all_wrong = scores(np.zeros(n, int), np.ones(n, int), 2)
        assert all_right.accuracy_high == pytest.approx(1) and all_right.accuracy_high <= 1
        assert 0 <= all_wrong.accuracy_low == pytest.approx(0)


def test_evaluate_scores_each_candidate():
    x, y, proxies, labels = data(8)
    scoring = Scoring("l2", "l2", "max", "inner_product")
    (result,) = evaluate(x, y, 4, [CandidateHead(proxies, labels, (scoring,))])
    expected = Plain(x, proxies, labels, 4).predict(scoring)
    assert result[scoring].accuracy == (expected == y).mean()


@pytest.mark.parametrize("norm_inf", ["none", "l2"])
@pytest.mark.parametrize("shift", [0, 100, 3000])
def test_a_large_shared_component_does_not_change_the_nearest_proxy(shift, norm_inf):
    """One large feature, as of transformers: distances are small differences of large numbers."""
    rng = np.random.default_rng(0)
    p, x = (rng.normal(size=(n, 16)).astype(np.float32) for n in (200, 300))
    p[:, 3] += shift
    x[:, 3] += shift
    labels = np.arange(200)
    wanted = (
        Scoring("none", norm_inf, "mnn", "euclidean", "distance", 3),
        Scoring("none", norm_inf, "max", "euclidean"),
    )
    (predicted,) = [dict_of(x, labels, p, wanted)]
    exact = x / np.linalg.norm(x, axis=1, keepdims=True) if norm_inf == "l2" else x
    distances = np.linalg.norm(exact[:, None].astype(np.float64) - p[None], axis=2)
    nearest = distances.argmin(axis=1)
    for scoring in (
        wanted
    ):  # the vote of three by 1 / distance, each a class of its own, is that of the nearest
        assert (predicted[scoring] == nearest).mean() > 0.99


def dict_of(x, labels, p, scorings):
    candidate = CandidateHead(p, labels, scorings)
    return {
        s: predicted for users, predicted in predict(x, len(labels), [candidate]) for _, s in users
    }


def test_a_zero_embedding_has_a_nearest_proxy_under_l2():
    p = np.array([[5, 0], [0, 1], [5, 5]], np.float32)
    scorings = tuple(
        Scoring("none", "l2", "max", distance)
        for distance in ("euclidean", "mahalanobis", "manhattan")
    )
    predicted = dict_of(np.zeros((1, 2), np.float32), np.arange(3), p, scorings)
    assert [predicted[scoring].tolist() for scoring in scorings] == [[1], [1], [1]]


@pytest.mark.parametrize("distance", ["inner_product", "cosine", "euclidean"])
def test_logsumexp_sums_all_proxies_of_a_class(distance):
    rng = np.random.default_rng(5)
    x, p = rng.normal(size=(40, 8)), rng.normal(size=(15, 8))
    labels = np.sort(rng.integers(0, 4, 15))
    labels[[0, 5, 10, 14]] = [0, 1, 2, 3]
    labels = np.sort(labels)
    similarity = similarities_of(x, p, distance)
    for temperature in (0.05, 0.5):
        scoring = Scoring("none", "none", "logsumexp", distance, f"exponential({temperature})")
        of_class = [logsumexp(similarity[:, labels == c] / temperature, axis=1) for c in range(4)]
        candidate = CandidateHead(p.astype(np.float32), labels, (scoring,))
        ((_, predicted),) = predict(x, 4, [candidate])
        np.testing.assert_array_equal(predicted, np.argmax(of_class, axis=0))
        of_classes = class_scores(x, candidate, 4)
        np.testing.assert_allclose(
            of_classes, temperature * np.transpose(of_class), rtol=1e-3, atol=1e-4
        )
