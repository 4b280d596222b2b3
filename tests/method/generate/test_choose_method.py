"""Facts of the choice of a method from training samples."""

import json

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.method.calibration import calibrate
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Auto, Configuration, Fixed, Scoring
from imprint.method.familiarity import certainty, similarity
from imprint.method.generate import choose_method
from imprint.method.generate.choice import Considered
from imprint.method.generate.choose_method import CANDIDATES, choose, chosen_index
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import FittedNorms
from imprint.method.scoring import candidate_head

MEAN = CANDIDATES[0]
TWO_MEANS = MEAN._replace(gen="kmeans", k=Fixed(2))
NEIGHBOURS = Configuration(
    "l2", "all", Fixed(1), Scoring("none", "l2", "mnn", "cosine", "distance", 5)
)

pytestmark = pytest.mark.usefixtures("one_thread")


def compact(seed, sizes, d=6, apart=1.0):
    """One normal distribution for each class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = apart * rng.normal(size=(len(sizes), d))[y] + rng.normal(size=(len(y), d))
    return x.astype(np.float32), y


def exclusive_or(seed, n, d=6, noise=0.8):
    """Two classes of two far clusters each, whose means are one point."""
    rng = np.random.default_rng(seed)
    corners = rng.choice([-3, 3], size=(n, 2))
    x = noise * rng.normal(size=(n, d))
    x[:, :2] += corners
    return x.astype(np.float32), (corners.prod(axis=1) > 0).astype(int)


def content(choice):
    """All that a choice says but the time it took."""
    return {key: value for key, value in choice.as_dict().items() if key != "seconds"}


def test_the_mean_is_chosen_for_classes_of_one_cluster_each():
    choice = choose(*compact(0, (20, 25, 15)), seed=0)
    assert choice.configuration == MEAN
    assert choice.reason.startswith(
        "the simplest of 4 methods. On 60 samples (each held out 3 times) no other method has a log loss that is lower"
    )
    assert "guessing" not in choice.reason


def test_several_centres_are_chosen_for_classes_of_several_clusters():
    choice = choose(*exclusive_or(0, 80), seed=0)
    assert choice.configuration.gen == "kmeans"
    mean = choice.considered[0]
    chosen = next(c for c in choice.considered if c.configuration == choice.configuration)
    assert mean.accuracy < 0.7 and chosen.accuracy > 0.95
    assert choice.reason.startswith(
        "better than the simplest method on 80 samples (each held out 3 times): log loss "
    )


def test_two_centres_suffice_for_two_clusters():
    for seed in range(3):
        choice = choose(*exclusive_or(seed, 60), seed, (MEAN, TWO_MEANS))
        assert choice.configuration == TWO_MEANS


def test_the_order_of_the_methods_says_which_is_the_simplest():
    x, y = compact(1, (15, 15, 15), apart=4)  # all predict all samples
    for methods in ((MEAN, TWO_MEANS, NEIGHBOURS), (NEIGHBOURS, MEAN)):
        choice = choose(x, y, 0, methods)
        assert choice.configuration == methods[0]
        assert [c.configuration for c in choice.considered] == list(methods)
        assert choice.considered[0].gain == 0


def test_a_later_method_is_taken_only_where_it_is_better_by_a_standard_error():
    methods, chosen = (MEAN, TWO_MEANS, NEIGHBOURS), set()
    for seed in range(12):
        x, y = compact(seed, (8, 12, 6), apart=0.8)
        if seed % 2:
            x, y = exclusive_or(seed, 24, noise=2)
        choice = choose(x, y, seed, methods)
        first, *others = choice.considered
        better = [
            other
            for other in others
            if other.gain > other.standard_error and other.accuracy >= first.accuracy
        ]
        if choice.configuration == first.configuration:
            assert not better
        else:
            assert choice.configuration in [other.configuration for other in better]
        chosen.add(choice.configuration)
        for considered in choice.considered:
            assert considered.gain == pytest.approx(first.loss - considered.loss)
    assert len(chosen) > 1


@pytest.mark.parametrize(
    ("entries", "which"),
    [
        ([(0.5, 0.8, 0, 0), (0.4, 0.8, 0.1, 0.05), (0.3, 0.9, 0.2, 0.05)], 2),
        ([(0.5, 0.8, 0, 0), (0.4, 0.8, 0.1, 0.05), (0.3, 0.7, 0.2, 0.05)], 1),  # fewer are right
        ([(0.5, 0.8, 0, 0), (0.4, 0.9, 0.1, 0.11)], 0),  # within the error
        ([(0.5, 0.8, 0, 0), (0.4997, 0.9, 3e-4, 1e-5)], 0),  # next to nothing
    ],
)
def test_a_method_is_taken_for_a_lower_loss_and_as_many_right(entries, which):
    assert chosen_index([Considered(MEAN, *values) for values in entries]) == which


def test_an_overfitting_norm_is_not_chosen():
    hasty, plain = (
        MEAN._replace(scoring=MEAN.scoring._replace(norm_post=norm))
        for norm in ("whiten(0.01)+l2", "l2")
    )
    for seed in range(4):
        x, y = compact(seed, (5,) * 4, d=20)  # too few samples for their covariance
        choice = choose(x, y, 0, (hasty, plain, TWO_MEANS))
        first, second, _ = choice.considered
        assert choice.configuration == plain and second.gain > second.standard_error
        assert choice.reason.startswith("better than the simplest method on 20 samples")
        assert f"{second.loss:.3f} against {first.loss:.3f}" in choice.reason


def test_with_two_samples_per_class_a_mean_is_chosen():
    """One is held out: the other is the only proxy, and nothing varies within classes."""
    for seed in range(4):
        choice = choose(*compact(seed, (2,) * 5, d=20), seed)
        assert choice.configuration.gen == "mean"
        losses = [considered.loss for considered in choice.considered]
        assert losses[2:] == pytest.approx([losses[0]] * 2)


def test_a_gain_that_rounds_to_zero_does_not_count():
    """Well separated classes: all losses are next to nothing."""
    x, y = compact(0, (12,) * 3, d=8)
    choice = choose(x + 100 * np.eye(8, dtype=np.float32)[y], y, seed=0)
    assert max(entry.loss for entry in choice.considered) < 5e-4
    assert choice.configuration == MEAN


def test_a_choice_says_where_no_method_is_better_than_guessing():
    rng = np.random.default_rng(0)
    choice = choose(rng.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3, seed=0)
    assert "No method is better than guessing here" in choice.reason


@pytest.mark.parametrize("sizes", [(1,) * 4, (20, 1, 1)])
def test_without_two_classes_of_two_samples_the_simplest_is_taken(sizes):
    choice = choose(*compact(0, sizes), seed=0)
    assert choice.configuration == MEAN
    assert choice.reason.startswith(
        "fewer than two classes have two samples, so none can be held out"
    )
    assert choice.held_out == 0 and np.isnan(choice.inverse_temperature)


@pytest.mark.parametrize("sizes", [(2, 2, 2), (2, 2, 1), (30, 1, 2, 1)])
def test_small_and_unequal_classes_can_be_chosen_for(sizes):
    x, y = compact(2, sizes)
    choice = choose(x, y, 0, (MEAN, TWO_MEANS))
    assert choice.held_out == 3 * np.bincount(y)[np.bincount(y) > 1].sum()
    for considered in choice.considered:
        assert 0 <= considered.accuracy <= 1 and considered.loss >= 0
    assert choice.inverse_temperature > 0


def test_samples_that_are_held_out_are_new_to_proxies_and_norms():
    """Random labels: a method that knew the held-out samples would tell theirs."""
    whitened = Scoring("whiten(0.001)", "none", "max", "euclidean")
    methods = NEIGHBOURS, Configuration("none", "mean", Fixed(1), whitened)
    accuracies = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(60, 80)).astype(np.float32), rng.permutation(np.arange(60) % 2)
        accuracies.append([c.accuracy for c in choose(x, y, seed, methods).considered])
    assert (np.mean(accuracies, axis=0) < 0.6).all()


def test_the_same_seed_makes_the_same_choice():
    x, y = compact(3, (12, 9, 14))
    first, again, other = (choose(x, y, seed, (MEAN, TWO_MEANS)) for seed in (5, 5, 6))
    assert content(first) == content(again) != content(other)


def test_the_number_of_threads_does_not_matter():
    x, y = compact(3, (12, 9, 14))
    alone, together = (choose(x, y, 5, (MEAN, TWO_MEANS), threads=t) for t in (1, 2))
    assert content(alone) == content(together)


@pytest.mark.parametrize("sizes", [(6, 7, 5), (1, 1)])
def test_a_choice_is_json(sizes):
    choice = choose(*compact(4, sizes), 0, (MEAN, TWO_MEANS))
    description = choice.as_dict()
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    assert Configuration.from_dict(description["method"]) == choice.configuration
    assert description["reason"] == choice.reason


def test_there_is_something_to_choose_from():
    with pytest.raises(UserError, match="no method to choose from"):
        choose(*compact(0, (3, 3)), 0, ())


def test_one_method_alone_is_not_compared():
    choice = choose(*compact(0, (20, 25, 15)), 0, CANDIDATES[:1])
    assert choice.reason.startswith("the only method. On ")


def test_a_method_that_chooses_k_itself_cannot_be_a_candidate():
    open_k = CANDIDATES[-1]._replace(k=Auto())
    with pytest.raises(UserError, match="needs a number as k"):
        choose(*compact(0, (20, 25)), 0, (MEAN, open_k))


def several_clusters(seed, classes, each, d=16, clusters=4):
    """Classes of several far clusters each."""
    centres = 2 * np.random.default_rng(0).normal(size=(classes, clusters, d))
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(classes), each)
    x = centres[y, rng.integers(clusters, size=len(y))] + 0.9 * rng.normal(size=(len(y), d))
    return x.astype(np.float32), y


@pytest.mark.parametrize(("classes", "each"), [(4, 1500), (60, 40)], ids=["few", "many classes"])
def test_what_is_measured_on_a_part_of_the_samples_holds_for_all(monkeypatch, classes, each):
    """Heads of a part of the samples have the class scores, and nearly the accuracy, of the head of all."""
    monkeypatch.setattr(choose_method, "MOST_SAMPLES", 300)
    x, y = several_clusters(1, classes, each)
    new, of_new = several_clusters(2, classes, 1200 // classes)
    five = CANDIDATES[2]
    choice = choose(x, y, seed=0, methods=[five])
    norms = FittedNorms(x, y)
    norms.learn(*five.norms)
    sets = proxy_sets(norms.apply_to_embeddings("l2", x), y, "kmeans", [5], [0])
    head = candidate_head(sets[5, 0], x, "l2", (five.scoring,), norms)
    scores = class_scores(new, head, classes)
    accuracy = (scores.argmax(axis=1) == of_new).mean()
    assert choice.considered[0].accuracy == pytest.approx(accuracy, abs=0.06)
    best = calibrate(scores, of_new)
    assert choice.inverse_temperature == pytest.approx(best.inverse_temperature, rel=0.5)
    familiarity = choice.familiarity.of(
        np.stack(
            [similarity(new, head), certainty(scores, choice.inverse_temperature)], axis=1
        ).astype(np.float32)
    )
    assert (familiarity <= 0.05).mean() < 0.12
