"""Scores on request: each is what its name says, computed apart from the job."""

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import top_k_accuracy_score

from imprint import ImprintingClassifier
from imprint.analysis.best import best_configuration
from imprint.analysis.component_rankings import best_of_others
from imprint.analysis.frames import rows_of
from imprint.data.pools import Pool
from imprint.method.configuration import Configuration, Scoring, parse_k
from imprint.method.generate import GENERATORS
from imprint.method.holdout import folds
from imprint.method.metrics import calibration_error
from imprint.method.score_names import EXTRA_SCORES
from imprint.store.block_cache import open_blocks
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score


def samples(seed, n=180, d=6, classes=8):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    centres = np.random.default_rng(99).normal(size=(classes, d))
    return Pool((centres[y] + 0.8 * rng.normal(size=(n, d))).astype(np.float32), y, classes)


TRAIN, TEST = samples(0), samples(1)
TASK = {
    "task": "t",
    "family": "t",
    "d": None,
    "datasets": ["data"],
    "draws": [None],
    "shots": "full",
}
METHODS = [
    Configuration("l2", "kmeans", parse_k(2), Scoring("whiten+l2", "l2", "max", "inner_product")),
    Configuration(
        "l2", "all", parse_k("all"), Scoring("none", "l2", "mnn", "cosine", "distance", 3)
    ),
    Configuration("l2", "ridge", parse_k(1), Scoring("none", "l2", "max", "inner_product")),
]


def scored(methods=METHODS, train=TRAIN, blocks=None, seed=1, **changes):
    task = {**TASK, **changes}
    files = {}
    for method in methods:
        seeded = GENERATORS[method.gen].seeded or task["shots"] != "full"
        seeds = {method.k.label: {method.norm_pre: [seed if seeded else None]}}
        files[method.gen] = make_proxies(train, {**task, "gen": method.gen, "seeds": seeds})[0]
    cells = [{**method.as_dict(), "seeds": [seed]} for method in methods]
    spec = {"fm": "net", "cells": cells, "extra_scores": list(EXTRA_SCORES), "ls_lambda": None}
    return score(train, TEST, files, {**task, **spec}, blocks=blocks)[0]


def classifier(method, **parameters):
    choices = {name: value for name, value in method.columns().items() if value is not None}
    return ImprintingClassifier(**choices, random_state=1, **parameters)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.gen)
def test_each_score_is_what_its_name_says(method):
    (row,) = scored([method]).to_dict("records")
    whole = classifier(method).fit(TRAIN.x, TRAIN.y)
    held = next(folds(TRAIN.y, 0, 5))
    part = classifier(method).fit(TRAIN.x[~held], TRAIN.y[~held])
    assert row["train_accuracy"] == pytest.approx(whole.score(TRAIN.x, TRAIN.y))
    assert row["validation_accuracy"] == pytest.approx(part.score(TRAIN.x[held], TRAIN.y[held]))
    of_test = whole.class_scores(TEST.x)
    if method.scoring.m is None:  # votes tie, and scikit-learn breaks ties otherwise
        top5 = top_k_accuracy_score(TEST.y, of_test, k=5)
        assert row["top5_accuracy"] == pytest.approx(top5)
    assert row["top5_accuracy"] >= row["accuracy"]

    def chances(scores, inverse):
        powers = np.exp(inverse * (scores - scores.max(axis=1, keepdims=True)))
        return powers / powers.sum(axis=1, keepdims=True)

    # the temperature is the best for held-out samples: no other of a fine grid is much better there
    of_held = part.class_scores(TRAIN.x[held]).astype(float)
    grid = np.geomspace(1e-3, 1e5, 600)
    losses = [sklearn_log_loss(TRAIN.y[held], chances(of_held, t), labels=range(8)) for t in grid]
    expected = chances(of_test.astype(float), grid[int(np.argmin(losses))])
    assert row["log_loss"] == pytest.approx(sklearn_log_loss(TEST.y, expected), rel=0.05)
    error = calibration_error(expected.max(axis=1), expected.argmax(axis=1) == TEST.y)
    assert row["calibration_error"] == pytest.approx(error, abs=0.05)


def test_with_one_sample_per_class_nothing_can_be_held_out():
    row = scored(METHODS[:1], shots="1").iloc[0]
    assert row[["validation_accuracy", "log_loss", "calibration_error"]].isna().all()
    assert row["train_accuracy"] == 1


def test_samples_of_a_subset_of_classes_are_found_again():
    row = scored(METHODS[1:2], draws=[[[1, 2], [5, 6]]]).iloc[0]
    assert row["train_accuracy"] == 1  # each sample is its own nearest proxy
    assert 0 < row["validation_accuracy"] <= 1


def test_scores_on_request_do_not_depend_on_what_ran_before(tmp_path):
    """k-means with k = 1 has the same proxies for every seed, but not the same held-out clusters with k = 2."""
    one, two = METHODS[0]._replace(k=parse_k(1)), METHODS[0]
    path = tmp_path / "blocks.h5"
    with open_blocks(path) as blocks:
        first = [scored([method], blocks=blocks) for method in (one, two)]
    with open_blocks(path) as blocks:
        again = [scored([method], blocks=blocks) for method in (two, one)][::-1]
    alone = [scored([method]) for method in (one, two)]
    for frames in zip(first, again, alone, strict=True):
        values = [frame[list(EXTRA_SCORES)].to_numpy(float) for frame in frames]
        np.testing.assert_array_equal(values[0], values[1])
        np.testing.assert_array_equal(values[0], values[2])


@pytest.mark.parametrize("shots", ["full", "9"])
def test_a_gen_without_a_seed_chooses_the_same_k_for_every_seed(tmp_path, shots):
    """As for the proxies themselves; with drawn shots each seed has its own training samples."""
    scoring = Scoring("none", "l2", "mnn", "cosine", "uniform", 1)
    method = Configuration("l2", "cov_max", parse_k("auto"), scoring)
    with open_blocks(tmp_path / "blocks.h5") as blocks:
        frames = [scored([method], blocks=blocks, seed=seed, shots=shots) for seed in range(1, 6)]
    alone = [scored([method], seed=seed, shots=shots) for seed in range(1, 6)]
    values, expected = (
        [frame[list(EXTRA_SCORES)].to_numpy(float) for frame in each] for each in (frames, alone)
    )
    np.testing.assert_array_equal(values, expected)
    assert (len(np.unique(expected, axis=0)) == 1) == (shots == "full")


def grid(select_on):
    entries = {
        "groups": [("net", "t", "full")],
        "configurations": [method.as_dict() for method in METHODS],
        "seeds": [1],
    }
    return entries | ({"select_on": select_on} if select_on == "validation" else {})


def test_the_best_is_chosen_on_validation_samples_where_that_is_asked():
    frame = scored()
    frame["accuracy"] = [0.9, 0.8, 0.7]
    frame["validation_accuracy"] = [0.5, 0.6, 0.4]
    for select_on, gen, accuracy in (("test", "kmeans", 0.9), ("validation", "all", 0.8)):
        rows = rows_of(frame, [grid(select_on)])
        best = best_configuration(rows, METHODS)
        assert (best.configuration.gen, best.accuracy) == (gen, accuracy)
    rows = rows_of(frame, [grid("validation")]).assign(
        gen=["kmeans", "kmeans", "mean"], norm_post=["none", "l2", "none"]
    )
    accuracies = best_of_others(rows, "GEN").accuracies.iloc[0]
    assert accuracies["kmeans"] == 0.8 and accuracies["mean"] == 0.7
