"""Facts of methods with fitted NORMs: the engine, class scores and folded proxies follow one definition.

200 random methods are compared with their definition in float64. Where two classes are as good as each other, to a
ten-thousandth, either may be predicted.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pytest
from sklearn.datasets import load_digits

from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.engine import predict
from imprint.method.folding import fold
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import FittedNorms, l2
from imprint.method.scoring import CandidateHead, candidate_head
from tests.method.definitions import distances_of
from tests.method.threads import one_thread

METHODS, CLASSES = 200, 4
TIE = 1e-4
GENS = ("mean", "kmeans", "fps", "all", "ridge")
NORMS = (  # NORMpre and NORMinf
    ("none", "none"),
    ("none", "l2"),
    ("l2", "l2"),
    ("l2+whiten", "l2+whiten"),
    ("l2+whiten", "l2+whiten+l2"),
    ("l2+whiten+l2", "l2+whiten+l2"),
)
NORMS_POST = (
    "none",
    "l2",
    "center",
    "center+l2",
    "whiten",
    "whiten+l2",
    "whiten(0.3)+center",
    "l2+whiten(oas)+l2",
    "center+whiten(ledoit_wolf)",
    "whiten+quantile",
)
DISTANCES = ("inner_product", "cosine", "euclidean", "manhattan")
WEIGHTINGS = ("uniform", "distance", "exponential(0.5)")


def weights_of(distances, name):
    match name:
        case "uniform":
            return np.ones(distances.shape)
        case "distance":
            return 1 / (distances + 1e-10)
        case "exponential(0.5)":
            return np.exp(-distances / 0.5)
    raise KeyError(name)


def are_clear(scores):
    """(n,) whether the best class leads the second by more than rounding."""
    second, first = np.sort(scores, axis=1)[:, -2:].T
    return first - second > TIE * np.abs(scores).max(axis=1)


@dataclass(eq=False)
class Method:
    """A method and a task, and what is predicted for it."""

    norm_pre: str
    gen: str
    scoring: Scoring
    task: int

    def __post_init__(self):
        rng = np.random.default_rng(self.task)
        d = int(rng.integers(4, 9))
        centres, shift, widths = (
            rng.normal(size=(CLASSES, d)),
            rng.normal(size=d),
            rng.uniform(0.2, 1.5, d),
        )
        self.y = np.r_[np.arange(CLASSES), rng.integers(0, CLASSES, 36)]
        of_queries = rng.integers(0, CLASSES, 60)
        self.x, self.queries = (
            (centres[y] + shift + widths * rng.normal(size=(len(y), d))).astype(np.float32)
            for y in (self.y, of_queries)
        )
        self.norms = FittedNorms(self.x, self.y)
        normalised = self.norms.apply_to_embeddings(self.norm_pre, self.x)
        self.proxies = proxy_sets(normalised, self.y, self.gen, [3], [0])[3, 0]
        self.candidate = candidate_head(
            self.proxies, self.x, self.norm_pre, (self.scoring,), self.norms
        )
        self.predictions = self.predictions_of(self.candidate)
        self.scores = class_scores(self.queries, self.candidate, CLASSES)

    def predictions_of(self, of_method):
        ((_, predictions),) = predict(self.queries, CLASSES, [of_method])
        return predictions

    @cached_property
    def distances(self):
        """(n, P) distances, or inner products with the sign turned, after the NORMs."""
        norms, scoring = self.norms, self.scoring
        p = self.proxies.matrix(norms.apply_to_embeddings(self.norm_pre, self.x))
        p = norms.apply_to_proxies(self.norm_pre, scoring.norm_post, p, self.proxies.labels)
        q = norms.apply_to_embeddings(scoring.norm_inf, self.queries)
        for learnt in norms.fitted_steps(self.norm_pre, scoring.norm_post):
            q = learnt.transform(q)
        distances = distances_of(q, p, scoring.distance)
        return distances if self.proxies.bias is None else distances - self.proxies.bias

    @cached_property
    def definition(self):
        """The class (n,) of each test embedding by the definition, and whether it does not hang on rounding (n,)."""
        labels, scoring = self.proxies.labels, self.scoring
        if min(scoring.neighbours, len(labels)) == 1:
            best = [-self.distances[:, labels == label].min(axis=1) for label in range(CLASSES)]
            best = np.stack(best, axis=1)
            return best.argmax(axis=1), are_clear(best)
        order = np.argsort(self.distances, axis=1, kind="stable")
        sorted_distances = np.take_along_axis(self.distances, order, axis=1)
        m = scoring.neighbours
        votes = np.zeros((len(order), CLASSES))
        weights = weights_of(sorted_distances[:, :m], scoring.weighting)
        np.add.at(votes, (np.arange(len(order))[:, None], labels[order[:, :m]]), weights)
        clear = are_clear(votes) | (scoring.weighting == "uniform")  # a tie of whole numbers is one
        if m < len(labels):  # the last voter may have a rival
            gap = sorted_distances[:, m] - sorted_distances[:, m - 1]
            clear &= gap > TIE * np.abs(sorted_distances[:, m])
        return votes.argmax(axis=1), clear

    def __str__(self):
        return f"norm_pre {self.norm_pre}, gen {self.gen}, {self.scoring}, task {self.task}"


def random_method(rng):
    def one_of(values):
        return values[rng.integers(len(values))]

    gen, distance, norm_post = one_of(GENS), one_of(DISTANCES), one_of(NORMS_POST)
    norm_pre, norm_inf = one_of(NORMS)
    task = int(rng.integers(2**31))
    if gen == "ridge":  # has a bias
        return Method(norm_pre, gen, Scoring("none", norm_inf, "max", "inner_product"), task)
    if rng.random() < 0.4:
        return Method(norm_pre, gen, Scoring(norm_post, norm_inf, "max", distance), task)
    weighting = "uniform" if distance == "inner_product" else one_of(WEIGHTINGS)
    m = int(rng.integers(1, 6))
    return Method(norm_pre, gen, Scoring(norm_post, norm_inf, "mnn", distance, weighting, m), task)


@pytest.fixture(scope="module")
def methods():
    rng = np.random.default_rng(0)
    with one_thread():
        yield [random_method(rng) for _ in range(METHODS)]


@pytest.fixture(scope="module")
def folded_methods(methods):
    """The methods that can be folded, with their folded form."""
    forms = [(method, fold(method.candidate)) for method in methods]
    return [(method, folded) for method, folded in forms if folded is not None]


def test_the_engine_predicts_as_defined(methods):
    shares = []
    for method in methods:
        expected, clear = method.definition
        shares.append(clear.mean())
        np.testing.assert_array_equal(
            method.predictions[clear], expected[clear], err_msg=str(method)
        )
    assert np.mean(shares) > 0.98


def test_the_class_with_the_largest_score_is_predicted(methods):
    for method in methods:
        clear = are_clear(method.scores)
        np.testing.assert_array_equal(
            method.scores.argmax(axis=1)[clear], method.predictions[clear], err_msg=str(method)
        )


def test_folding_changes_no_prediction(folded_methods):
    assert len(folded_methods) > METHODS / 6
    for method, folded in folded_methods:
        clear = method.definition[1]
        np.testing.assert_array_equal(
            method.predictions_of(folded.candidate)[clear],
            method.predictions[clear],
            err_msg=str(method),
        )


def test_exact_folding_changes_no_class_score(folded_methods):
    exact = [(method, folded) for method, folded in folded_methods if folded.exact]
    assert len(exact) > METHODS / 20
    for method, folded in exact:
        scores = class_scores(method.queries, folded.candidate, CLASSES)
        largest = np.abs(method.scores).max()
        np.testing.assert_allclose(
            scores, method.scores, rtol=1e-4, atol=1e-4 * largest, err_msg=str(method)
        )


def test_folded_proxies_need_no_fitted_norm_any_more(folded_methods):
    for _, folded in folded_methods:
        (scoring,) = folded.candidate.scorings
        assert (scoring.norm_post, scoring.is_best_product) == ("none", True)
        assert scoring.norm_inf in ("none", "l2")


@pytest.mark.parametrize(
    ("norm_post", "norm_inf", "agg"),
    [
        ("none", "l2", ("max", "inner_product")),  # nothing is fitted
        ("whiten", "l2", ("mnn", "euclidean", "uniform", 3)),  # a vote
        ("whiten", "l2", ("max", "manhattan")),  # no inner product orders classes as it does
        ("whiten", "center+l2", ("max", "inner_product")),  # a length in between
    ],
)
def test_what_is_no_linear_layer_is_not_folded(norm_post, norm_inf, agg):
    norm_pre = "center" if "center" in norm_inf else "l2"
    method = Method(norm_pre, "all", Scoring(norm_post, norm_inf, *agg), task=1)
    assert fold(method.candidate) is None


def test_what_all_embeddings_share_does_not_hide_their_differences():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 20)
    x = (rng.normal(size=(80, 6)) + 3 * rng.normal(size=(4, 6))[y]).astype(np.float32)
    scoring = Scoring("whiten(oas)", "none", "max", "euclidean")

    def predictions(shift):
        norms = FittedNorms(x + shift, y).learn("none", scoring.norm_post, "none")
        means = proxy_sets(x + shift, y, "mean", [1], [0])[1, 0].values
        folded = fold(CandidateHead(means, np.arange(4), (scoring,), norms=norms))
        ((_, predicted),) = predict(x + shift, 4, [folded.candidate])
        return predicted

    assert np.mean(predictions(np.float32(3000)) != predictions(np.float32(0))) < 0.05


@pytest.mark.parametrize("offset", [0, 100, 1000, 10_000])
@pytest.mark.parametrize("norm_post", ["l2", "whiten+l2"])
@pytest.mark.parametrize("distance", ["inner_product", "cosine"])
def test_a_part_that_all_embeddings_share_does_not_use_up_the_digits(offset, norm_post, distance):
    """All cosines of digits with an offset of 100 are above 0.998; the scores of whitened means differ by 1e-7."""
    x, y = load_digits(return_X_y=True)
    x = (x[:600] + offset).astype(np.float32)
    train, test, y, of_test = x[:400], x[400:], y[:400], y[400:600]
    norms = FittedNorms(l2(train), y).learn("l2", norm_post, "l2")
    means = np.stack([l2(train)[y == c].mean(axis=0, dtype=np.float64) for c in range(10)])
    components = np.eye(64)
    for whiten in norms.fitted_steps("l2", norm_post):
        components = whiten.components_.astype(np.float64)
    queries, proxies = l2(test.astype(np.float64)) @ components, l2(means @ components)
    scores = (l2(queries) if distance == "cosine" else queries) @ proxies.T
    expected = scores.argmax(axis=1)
    assert (expected == of_test).mean() > 0.7
    scoring = Scoring(norm_post, "l2", "max", distance)
    candidate = CandidateHead(
        means.astype(np.float32), np.arange(10), (scoring,), norms=norms, norm_pre="l2"
    )
    folded = fold(candidate)
    for each in (candidate, folded.candidate) if folded else (candidate,):
        ((_, labels),) = predict(test, 10, [each])
        assert (labels == expected).mean() > 0.98
        of_each = class_scores(test, each, 10)
        assert (of_each.argmax(axis=1) == labels).mean() > 0.98
        if each is candidate or folded.exact:
            np.testing.assert_allclose(of_each, scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("offset", [0, 1000, 10_000])
def test_votes_and_shares_of_close_proxies_are_those_of_float64(offset):
    x, y = load_digits(return_X_y=True)
    x = (x[:300] + offset).astype(np.float32)
    order = np.argsort(y[:200], kind="stable")
    agg = product(("inner_product", "cosine"), ("uniform", "distance"), (1, 5))
    scorings = tuple(
        Scoring("none", "l2", "mnn", distance, weighting, m)
        for distance, weighting, m in agg
        if (distance, weighting) != ("inner_product", "distance")
    )
    candidate = CandidateHead(x[:200][order], y[:200][order], scorings, unit_length=True)
    cosines = l2(x[200:].astype(np.float64)) @ l2(x[:200][order].astype(np.float64)).T
    together = {
        scoring: labels
        for users, labels in predict(x[200:], 10, [candidate])
        for _, scoring in users
    }
    for scoring, labels in together.items():
        alone = candidate.with_scorings((scoring,))
        if scoring.m == 1:
            assert (labels == candidate.labels[cosines.argmax(axis=1)]).mean() > 0.98
        assert (class_scores(x[200:], alone, 10).argmax(axis=1) == labels).mean() > 0.98
        assert (labels == y[200:300]).mean() > 0.9
