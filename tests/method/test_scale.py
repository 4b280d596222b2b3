"""The scale of embeddings changes no prediction, and values that single precision cannot hold are reported."""

import numpy as np
import pandas as pd
import pytest

from imprint import ImprintingClassifier
from imprint.data.pools import pool
from imprint.errors import UserError
from imprint.estimator.cross_validation import compare_fms, default_methods
from imprint.estimator.embeddings_files import read_file
from imprint.estimator.fitted_head import FittedHead
from imprint.method.configuration import Configuration, Fixed, Scoring
from imprint.method.generate import GENERATORS
from imprint.method.normalize import NORMS
from imprint.method.scale import LARGEST, SMALLEST
from imprint.store.embeddings import Embeddings, read_embeddings
from imprint.store.given_embeddings import adopt
from imprint.store.heads import write_head
from imprint.study.jobs.heads import make_head
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 8))
Y, TEST_Y = np.arange(80) % 4, np.arange(120) % 4
X, TEST = (
    ((CENTRES[y] + 0.8 * RNG.normal(size=(len(y), 8))) / 8).astype(np.float32) for y in (Y, TEST_Y)
)
CLASSIFIER = RNG.normal(size=(5, 8)).astype(np.float32)
NONE = dict.fromkeys(("norm_pre", "norm_post", "norm_inf"), "none")
L2 = dict.fromkeys(NONE, "l2")
VOTE = {"gen": "all", "agg": "mnn", "m": 3}
# without l2 they depend on the scale, by a constant in their definition: a ridge, or a temperature
WITH_CONSTANT = ("ls", "kls", "logistic")
GENS = [name for name, gen in GENERATORS.items() if name != "auto" and name != "pam"]
FREE = [
    *({**NONE, "gen": gen} for gen in GENS if gen not in WITH_CONSTANT),
    *({**NONE, **VOTE, "distance": d} for d in ("inner_product", "cosine", "euclidean", "manhattan")),
    *({**NONE, **(VOTE if of_all else {"gen": "kmeans", "k": 3}), "norm_post": norm} for norm in NORMS for of_all in (0, 1)),
    {**NONE, "gen": "kmeans", "norm_pre": "l2+whiten", "norm_inf": "l2+whiten"},
    *({**L2, **VOTE, "distance": "cosine", "weighting": w} for w in ("distance", "exponential")),
    {**L2, **VOTE, "distance": "mahalanobis"},
    {**L2, "gen": "kmeans", "agg": "logsumexp"},
]  # fmt: skip
BOUND = [
    *({**NONE, "gen": gen} for gen in WITH_CONSTANT),
    *({**NONE, **VOTE, "distance": "euclidean", "weighting": w} for w in ("distance", "exponential")),
    {**NONE, **VOTE, "distance": "mahalanobis"},
    {**NONE, "gen": "kmeans", "agg": "logsumexp"},
    {**NONE, **VOTE, "norm_inf": "l2"},
]  # fmt: skip


def fitted(parameters, exponent=0):
    head = ImprintingClassifier(**{"random_state": 0, "fm_classifier": CLASSIFIER, **parameters})
    return head.fit(np.ldexp(X, exponent), Y)


def name(parameters):
    return " ".join(str(value) for value in parameters.values())


@pytest.mark.filterwarnings("ignore:.*converge")
@pytest.mark.parametrize("parameters", FREE + BOUND, ids=name)
def test_powers_of_two_change_no_prediction(parameters):
    expected = fitted(parameters).predict(TEST)
    beyond = -100, -51, 51, 100
    for exponent in (*beyond, -40, 40) if parameters in FREE else beyond[::2]:
        head = fitted(parameters, exponent)
        np.testing.assert_array_equal(head.predict(np.ldexp(TEST, exponent)), expected)


@pytest.mark.parametrize("factor", [1e-37, 1e-30, 1e-16, 1e16, 1e30, 1e37])
def test_any_factor_changes_probabilities_by_rounding_alone(factor):
    train, test = X.astype(float) * factor, TEST.astype(float) * factor
    head = ImprintingClassifier(random_state=0).fit(train, Y)
    expected = ImprintingClassifier(random_state=0).fit(X, Y)
    np.testing.assert_allclose(head.predict_proba(test), expected.predict_proba(TEST), atol=1e-3)


@pytest.mark.parametrize("exponent", [-100, 100])
def test_a_head_keeps_its_scale(exponent, tmp_path):
    """When it is saved, takes in more samples, and as a module of torch."""
    import torch

    x, test = np.ldexp(X, exponent), np.ldexp(TEST, exponent)
    first = Y < 3
    for parameters in ({"gen": "kmeans", "k": 3}, {**NONE, "gen": "mean", "distance": "euclidean"}):
        whole = ImprintingClassifier(**parameters, random_state=0).fit(x, Y)
        grown = ImprintingClassifier(**parameters, random_state=0).fit(x[first], Y[first])
        grown.save(tmp_path / "head.safetensors", fm={"model": "net"})
        grown = ImprintingClassifier.load(tmp_path / "head.safetensors")
        grown.add_classes(x[~first], Y[~first])
        np.testing.assert_array_equal(grown.class_scores(test), whole.class_scores(test))
        assert grown.seen_before(x, Y).all()
        grown = ImprintingClassifier(**parameters, random_state=0).fit(x[first], Y[first])
        grown.partial_fit(x[~first], Y[~first])
        np.testing.assert_array_equal(grown.class_scores(test), whole.class_scores(test))
        # the commands predict without scikit-learn
        whole.save(tmp_path / "head.safetensors", fm={"model": "net"})
        bare = FittedHead.load(tmp_path / "head.safetensors")
        np.testing.assert_array_equal(bare.class_scores(test), whole.class_scores(test))
        np.testing.assert_array_equal(bare.labels(test), whole.predict(test))
        with pytest.raises(UserError, match="Embed both with the same FM"):
            bare.labels(TEST)
        scores = whole.to_torch(exact=True)(torch.from_numpy(test)).numpy()
        np.testing.assert_allclose(scores, whole.class_scores(test), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exponent", [-100, 100])
def test_a_study_scores_as_without_a_scale(exponent, tmp_path):
    task = {"task": "t", "family": "t", "d": None, "datasets": ["one", "two"], "draws": [None], "shots": "full"}  # fmt: skip
    methods = [
        Configuration("none", "kmeans", Fixed(3), Scoring("none", "none", "mnn", distance, None, 3))
        for distance in ("euclidean", "mahalanobis")
    ]
    cells = [{**method.as_dict(), "seeds": [1]} for method in methods]
    methods_of = {"gen": "kmeans", "seeds": {"3": {"none": [1]}}}

    def datasets(exponent):
        paths = []
        for split, x, y in (("train", X, Y), ("test", TEST, TEST_Y)):
            for part in (0, 1):
                source = tmp_path / f"{split}{part}.npz"
                rows = slice(part * len(y) // 2, (part + 1) * len(y) // 2)
                np.savez(source, embeddings=np.ldexp(x[rows], exponent), labels=y[rows])
                paths.append(tmp_path / f"{split}{part}.h5")
                adopt(source, paths[-1])
        return [read_embeddings(path) for path in paths]

    frames, pools = [], []
    for of_study in (0, exponent):
        parts = datasets(of_study)
        train = pool(parts[:2])
        test = pool(parts[2:], train)
        sets, _ = make_proxies(train, {**task, **methods_of})
        frames.append(score(train, test, {"kmeans": sets}, {**task, "fm": "f", "cells": cells})[0])
        pools.append(train)
    assert frames[0].drop(columns="seconds").equals(frames[1].drop(columns="seconds"))
    assert pools[0].content != pools[1].content
    about = {"classes": list("abcdefgh"), "fm": {"model": "net"}, "task": "t", "seed": 1}
    head = make_head(pools[1], sets["3", "none", 1, 0], methods[0], about)
    write_head(tmp_path / "head.safetensors", head)
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    predicted = loaded.predict(np.ldexp(TEST, exponent))
    labels = np.array(about["classes"])[TEST_Y + 4 * (np.arange(120) >= 60)]
    accuracies = frames[1].set_index("distance")["accuracy"]
    assert (predicted == labels).mean() == pytest.approx(accuracies["euclidean"])


def test_within_the_bounds_nothing_is_multiplied():
    for largest in (SMALLEST, LARGEST):
        x = X / np.abs(X).max() * np.float64(largest)
        x = np.clip(x, -np.float32(largest), np.float32(largest)).astype(np.float32)
        head = ImprintingClassifier(gen="all").fit(x, Y)
        np.testing.assert_array_equal(np.sort(head.proxies_, axis=None), np.sort(x, axis=None))


@pytest.mark.parametrize("factor", [1e-60, 1e-40, 1e-44])
def test_values_that_single_precision_cannot_hold_are_reported(factor, tmp_path):
    x = X.astype(float) * factor
    with pytest.raises(UserError, match="single precision holds values between"):
        ImprintingClassifier().fit(x, Y)
    with pytest.raises(UserError, match="single precision holds values between"):
        fitted({}).predict(x)
    np.savez(tmp_path / "x.npz", embeddings=x, labels=Y)
    with pytest.raises(UserError, match=r"x\.npz.*single precision holds values between"):
        adopt(tmp_path / "x.npz", tmp_path / "x.h5")
    with pytest.raises(UserError, match=r"x\.npz.*single precision holds values between"):
        read_file(tmp_path / "x.npz", None, labelled=True)


def test_a_file_of_values_beyond_single_precision_is_reported(tmp_path):
    np.savez(tmp_path / "x.npz", embeddings=X.astype(float) * 1e300, labels=Y)
    with pytest.raises(UserError, match=r"x\.npz.*single precision holds values between"):
        read_file(tmp_path / "x.npz", None, labelled=True)


@pytest.mark.parametrize(("train", "test"), [(1, 1e-20), (1, 1e20), (1e-30, 1), (1e30, 1)])
def test_test_embeddings_of_another_scale_are_reported(train, test):
    x, queries = X * np.float32(train), TEST * np.float32(test)
    with pytest.raises(UserError, match="Embed both with the same FM"):
        ImprintingClassifier().fit(x, Y).predict(queries)
    trained = pool([Embeddings(x, Y, Y.astype(str), tuple("abcd"), {})])
    of_test = Embeddings(queries, TEST_Y, TEST_Y.astype(str), tuple("abcd"), {"fm": "net", "split": "test"})  # fmt: skip
    with pytest.raises(UserError, match=r"embeddings net/test: .*Embed both with the same FM"):
        pool([of_test], trained)


def test_heads_are_compared_alike_at_every_scale():
    methods = default_methods(("mean",), (), ("l2", "whiten+l2"), ())
    tables = []
    for exponent in (0, -90, 90):
        scaled = Embeddings(np.ldexp(X, exponent), Y, Y.astype(str), tuple("abcd"), {})
        tables.append(compare_fms({"net": scaled}, methods, folds=3, seed=0))
    for table in tables[1:]:
        pd.testing.assert_series_equal(table["accuracy"], tables[0]["accuracy"])
