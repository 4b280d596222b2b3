"""The estimator: scikit-learn's contract, the workflow's predictions, classes that come and go, and heads that travel."""

import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from imprint import ImprintingClassifier
from imprint.data.pools import Pool
from imprint.errors import UserError
from imprint.method.configuration import Auto, Configuration, Every, Fixed, Scoring
from imprint.method.engine import predict as engine
from imprint.method.generate.choose_k import choose_k
from imprint.method.normalize import FittedNorms, l2
from imprint.method.presets import PRESETS
from imprint.method.proxies import proxy_set_for
from imprint.method.scoring import candidate
from imprint.store.heads import write_head
from imprint.study.jobs.heads import make_head
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have fewer than k")

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


# scikit-learn's contract


def not_expected(estimator):
    """What of the contract does not hold, and why."""
    found = {}
    if estimator.gen not in ("mean", "ls", "all"):
        found["check_fit_score_takes_y"] = (
            "calls partial_fit twice with the same classes, exact for mean, ls and all"
        )
    if estimator.method is None and estimator.gen is None:
        found["check_methods_subset_invariance"] = "scores are float32, as the embeddings"
    if (estimator.norm_post or "").startswith("quantile"):
        found["check_classifiers_train"] = (
            "of the few features of its data, quantiles keep only the order"
        )
    return found


@parametrize_with_checks(
    [
        ImprintingClassifier(),
        ImprintingClassifier.preset("oracle"),
        ImprintingClassifier(gen="all", agg="mnn", m=3, distance="euclidean"),
        ImprintingClassifier(gen="mean", norm_post="quantile_pooled", distance="cosine"),
    ],
    expected_failed_checks=not_expected,
)
@pytest.mark.filterwarnings("ignore")
def test_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_works_inside_pipelines_searches_and_calibration():
    x, y = load_digits(return_X_y=True)
    names = np.array([f"digit {c}" for c in y])
    model = make_pipeline(StandardScaler(), ImprintingClassifier(k=5, random_state=0))
    assert cross_val_score(model, x, names, cv=3).min() > 0.85
    search = GridSearchCV(
        ImprintingClassifier(gen="kmeans", random_state=0), {"k": [1, 10]}, cv=3
    ).fit(x, names)
    assert search.best_params_ == {"k": 10}
    calibrated = CalibratedClassifierCV(ImprintingClassifier(k=10, random_state=0), cv=3).fit(
        x[:1200], names[:1200]
    )
    assert calibrated.score(x[1200:], names[1200:]) > 0.88
    np.testing.assert_allclose(calibrated.predict_proba(x[1200:]).sum(axis=1), 1)


def test_torch_tensors_are_as_good_as_arrays():
    expected = ImprintingClassifier(k=3, random_state=0).fit(X, Y).predict(TEST)
    x = torch.from_numpy(X).to(torch.float64).requires_grad_()
    got = (
        ImprintingClassifier(k=3, random_state=0)
        .fit(x, torch.from_numpy(Y))
        .predict(torch.from_numpy(TEST))
    )
    np.testing.assert_array_equal(got, expected)
    assert (
        ImprintingClassifier(k=3).fit(X, Y).predict(torch.from_numpy(TEST).bfloat16()).shape
        == expected.shape
    )


def test_importing_the_package_imports_nothing_slow():
    code = "import sys, imprint; assert not {'numpy', 'sklearn', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys; from imprint import ImprintingClassifier; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wrong_parameters_are_all_named():
    with pytest.raises(UserError, match=r"gen='kmean'; known: mean.*norm_post='L2'.*m=0 is not"):
        ImprintingClassifier(gen="kmean", norm_post="L2", m=0).fit(X, Y)
    with pytest.raises(UserError, match="no distance"):
        ImprintingClassifier(agg="mnn", m=3, weighting="distance").fit(X, Y)
    with pytest.raises(UserError, match="fm_classifier"):
        ImprintingClassifier(norm_post="quantile_fm").fit(X, Y)
    with pytest.raises(UserError, match="known: qi"):
        ImprintingClassifier.preset("best")


# the workflow's predictions

CELLS = [
    *(preset.configuration for preset in PRESETS.values()),
    Configuration("l2", "all", Every(), Scoring("none", "l2", "mnn", "cosine", "distance", 5)),
    Configuration("l2", "fps", Fixed(4), Scoring("quantile", "l2", "max", "inner_product")),
    Configuration("none", "random", Fixed(5), Scoring("quantile_fm", "none", "max", "cosine")),
    Configuration("l2", "kls", Fixed(3), Scoring("l2", "l2", "max", "euclidean")),
    Configuration(
        "none", "cov_max", Fixed(3), Scoring("none", "none", "mnn", "mahalanobis", "distance", 3)
    ),
    Configuration(
        "l2",
        "kmedoids",
        Fixed(3),
        Scoring("quantile_pooled", "l2", "mnn", "manhattan", "uniform", 4),
    ),
    Configuration("l2", "kmeans", Auto(), Scoring("l2", "l2", "max", "inner_product")),
]


def estimator(cell, seed=7):
    parameters = {name: value for name, value in cell.columns().items() if value is not None}
    if isinstance(cell.k, Auto):
        parameters["k"] = "auto"
    return ImprintingClassifier(
        **parameters, random_state=seed, ls_lambda=0.1, fm_classifier=OWN_CLASSIFIER
    )


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: "-".join([c.gen, *map(str, c.scoring[:4])]))
def test_a_cell_of_the_workflow_is_predicted_alike(cell):
    train, test = Pool(X, Y, 6, OWN_CLASSIFIER), Pool(TEST, TEST_Y, 6, OWN_CLASSIFIER)
    task = {
        "fm": "net",
        "task": "t",
        "family": "t",
        "d": None,
        "datasets": ["data"],
        "draws": [None],
        "shots": "full",
    }
    spec = task | {
        "gen": cell.gen,
        "seeds": {cell.k.label: {cell.norm_pre: [7]}},
        "ls_lambda": 0.1,
    }
    sets, _ = make_proxies(train, spec)
    own = proxy_set_for(sets, cell.k.label, cell.norm_pre, 7, 0)
    of_set = candidate(own, X, cell.norm_pre, (cell.scoring,), FittedNorms(X, Y))
    ((_, expected),) = engine(TEST, 6, [of_set], fm_classifier=OWN_CLASSIFIER)
    model = estimator(cell).fit(X, Y)
    np.testing.assert_array_equal(model.predict(TEST), expected)
    cells = [{**cell.as_dict(), "seeds": [7]}]
    frame, *_ = score(train, test, {cell.gen: sets}, task | {"cells": cells})
    assert model.score(TEST, TEST_Y) == pytest.approx(frame["accuracy"].iloc[0], abs=1e-12)


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: "-".join([c.gen, *map(str, c.scoring[:4])]))
def test_the_largest_decision_value_is_the_prediction(cell):
    model = estimator(cell).fit(X, Y)
    np.testing.assert_array_equal(
        model.classes_[model.decision_function(TEST).argmax(axis=1)], model.predict(TEST)
    )


def test_decision_values_are_similarities_and_votes():
    model = ImprintingClassifier(gen="all", agg="mnn", m=7, distance="euclidean", norm_pre="none", norm_post="none", norm_inf="none").fit(X, Y)  # fmt: skip
    votes = model.decision_function(TEST)
    near = np.argsort(np.linalg.norm(TEST[:, None].astype(float) - X, axis=2), axis=1)[:, :7]
    np.testing.assert_array_equal(votes, [np.bincount(Y[row], minlength=6) for row in near])
    np.testing.assert_allclose(
        ImprintingClassifier(gen="mean").fit(X, Y).decision_function(TEST),
        l2(TEST) @ l2(np.stack([l2(X)[c == Y].mean(axis=0) for c in range(6)])).T,
        atol=1e-6,
    )
    two = ImprintingClassifier(gen="mean").fit(X[Y < 2], Y[Y < 2])
    np.testing.assert_array_equal(
        two.classes_[(two.decision_function(TEST) > 0).astype(int)], two.predict(TEST)
    )


def test_the_first_class_under_quantile_stays_as_it_is():
    one = {"gen": "mean", "norm_pre": "none", "norm_inf": "none", "norm_post": "quantile"}
    model = ImprintingClassifier(**one).fit(X[Y == 0], Y[Y == 0])
    np.testing.assert_allclose(
        model.decision_function(TEST)[:, 0], TEST @ X[Y == 0].mean(axis=0), rtol=1e-4, atol=1e-5
    )


def test_k_auto_is_the_one_that_the_workflow_chooses():
    model = ImprintingClassifier(k="auto", random_state=3).fit(X, Y)
    assert model.k_ == choose_k(l2(X), Y, "kmeans", 3)[0]


# classes that come and go

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
names = pytest.mark.parametrize("method", METHODS, ids=lambda m: "-".join(map(str, m.values())))


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


@names
def test_adding_classes_equals_one_fit_on_all(method):
    old = Y < 4
    for grow in (ImprintingClassifier.add_classes, ImprintingClassifier.partial_fit):
        grown = grow(new(method).fit(X[old], Y[old]), X[~old], Y[~old])
        whole = new(method).fit(X, Y)
        alike(grown, whole)
        np.testing.assert_array_equal(grown.predict(TEST), whole.predict(TEST))


@names
def test_removing_classes_equals_never_having_had_them(method):
    model = new(method).fit(X, Y)
    if method["gen"] in ("ls", "kls"):
        with pytest.raises(UserError, match="depend on the samples of all classes"):
            model.remove_classes([5])
        return
    alike(model.remove_classes([4, 5]), new(method).fit(X[Y < 4], Y[Y < 4]))
    alike(model.add_classes(X[Y >= 4], Y[Y >= 4]), new(method).fit(X, Y))


@names
def test_more_samples_of_known_classes_are_exact_or_refused(method):
    model = new(method).partial_fit(X[:70], Y[:70], classes=np.arange(6))
    if method["gen"] in ("mean", "ls", "all"):
        alike(
            model.partial_fit(X[70:72], Y[70:72]).partial_fit(X[72:], Y[72:]), new(method).fit(X, Y)
        )
    else:
        before = pickle.dumps(model)
        with pytest.raises(UserError, match="cannot take in more samples of class 0, 1"):
            model.partial_fit(X[70:], Y[70:])
        assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    "method", [{"gen": "ridge", "norm_post": "none"}, {"method": "whiten"}], ids=str
)
def test_a_penalty_stays_when_classes_leave_and_come_back(method):
    """What leave-one-out chose needs all samples to be chosen anew; all else is exact."""
    whole = new(method).fit(X, Y)
    model = new(method).fit(X, Y).remove_classes([4, 5])
    assert set(model.predict(TEST)) <= set(range(4))
    alike(model.add_classes(X[Y >= 4], Y[Y >= 4]), whole)
    half = new(method).fit(X, Y).partial_fit(X, Y)
    np.testing.assert_array_equal(half.class_counts_, 2 * whole.class_counts_)


def test_what_was_learnt_before_generation_is_fitted_again_only_on_all():
    norm = "l2+whiten+l2"
    model = ImprintingClassifier(gen="mean", norm_pre=norm, norm_inf=norm).fit(X[Y < 4], Y[Y < 4])
    with pytest.raises(UserError, match="fit again on all"):
        model.add_classes(X[Y > 3], Y[Y > 3])
    with pytest.raises(UserError, match="fit again without these classes"):
        model.remove_classes([3])


def test_auto_is_the_default_and_says_why(tmp_path):
    model = ImprintingClassifier(random_state=0).fit(X, Y)
    assert model.choice_.configuration == model.configuration_
    assert model.choice_.held_out > 0 and "held out" in model.choice_.reason
    fixed = ImprintingClassifier.preset("whiten", probability=True, random_state=0).fit(X, Y)
    proba = fixed.predict_proba(TEST)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(proba.argmax(axis=1), fixed.class_scores(TEST).argmax(axis=1))
    fixed.save(tmp_path / "h.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(TEST), proba)
    single = ImprintingClassifier().fit(np.eye(3), [0, 1, 2])
    assert "no class has two samples" in single.choice_.reason
    with pytest.raises(UserError, match="no class had two samples"):
        single.predict_proba(np.eye(3))
    assert not hasattr(ImprintingClassifier(gen="mean"), "predict_proba")
    with pytest.raises(UserError, match="method auto chooses gen itself"):
        ImprintingClassifier(method="auto", gen="mean").fit(X, Y)


def test_added_classes_stand_after_those_there():
    model = (
        ImprintingClassifier(gen="mean")
        .fit(X[Y > 1], Y[Y > 1].astype(str))
        .add_classes(X[Y < 2], Y[Y < 2].astype(str))
    )
    assert model.classes_.tolist() == ["2", "3", "4", "5", "0", "1"]
    np.testing.assert_array_equal(
        model.predict(TEST), ImprintingClassifier(gen="mean").fit(X, Y).predict(TEST).astype(str)
    )


def test_impossible_changes_of_classes_are_refused():
    model = ImprintingClassifier(gen="mean").fit(X, Y)
    with pytest.raises(UserError, match="class 3 is there already"):
        model.add_classes(X[:1], [3])
    with pytest.raises(UserError, match="there is no class 9"):
        model.remove_classes([9])
    with pytest.raises(UserError, match="no class would be left"):
        model.remove_classes(range(6))
    with pytest.raises(UserError, match="another type"):
        model.add_classes(X[:2], ["a", "b"])
    with pytest.raises(UserError, match="class 7 is not among"):
        ImprintingClassifier().partial_fit(X[:1], [7], classes=[1, 2])
    with pytest.raises(ValueError, match="features"):
        model.add_classes(X[:1, :3], [8])


# explanations and doubt


def test_the_nearest_proxies_explain_a_prediction():
    ids = [f"image{i}.png" for i in range(len(X))]
    model = ImprintingClassifier(gen="all", distance="cosine").fit(X, Y, sample_ids=ids)
    near = model.nearest_proxies(X[:20], 3)
    assert near.samples[:, 0].tolist() == ids[:20]
    np.testing.assert_allclose(near.similarities[:, 0], 1)
    assert (np.diff(near.similarities) <= 0).all()
    np.testing.assert_array_equal(
        near.classes, Y[[[int(name[5:-4]) for name in row] for row in near.samples]]
    )
    np.testing.assert_array_equal(model.nearest_proxies(TEST, 1).classes[:, 0], model.predict(TEST))
    assert model.nearest_proxies(TEST, 10_000).proxies.shape == (len(TEST), len(X))
    assert ImprintingClassifier(k=2).fit(X, Y).nearest_proxies(TEST).samples is None


@pytest.mark.parametrize("gen", ["random", "fps", "cov_max", "kmedoids"])
def test_proxies_that_are_samples_have_their_row_numbers(gen):
    model = (
        ImprintingClassifier(gen=gen, k=3).fit(X[Y < 3], Y[Y < 3]).add_classes(X[Y > 2], Y[Y > 2])
    )
    order = np.r_[np.flatnonzero(Y < 3), np.flatnonzero(Y > 2)]
    np.testing.assert_array_equal(model.proxies_, X[order[model.proxy_samples_]])


def test_samples_like_no_class_can_be_rejected(tmp_path):
    far = -X.mean(axis=0, keepdims=True) * 10
    for labels, mark in (
        (Y, -1),
        (Y.astype(np.uint8), -1),
        (Y.astype(str), "rejected"),
        (Y.astype(str).astype(object), "rejected"),
    ):
        model = ImprintingClassifier(gen="mean", norm_inf="l2", probability=True).fit(X, labels)
        familiarity = model.familiarity(TEST)
        assert ((familiarity > 0) & (familiarity <= 1)).all()
        predicted = model.predict(np.r_[TEST, far], reject=0.5)
        assert predicted[-1] == mark
        rejected = familiarity <= 0.5
        np.testing.assert_array_equal(predicted[:-1] == mark, rejected)
        np.testing.assert_array_equal(predicted[:-1][~rejected], model.predict(TEST)[~rejected])
    with pytest.raises(UserError, match="marks rejected samples"):
        ImprintingClassifier(gen="mean", probability=True).fit(X, Y - 1).predict(X, reject=0.5)
    model = ImprintingClassifier().fit(X, Y)
    model.save(tmp_path / "head.safetensors", {"model": "pixels"})
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    np.testing.assert_array_equal(loaded.familiarity(TEST), model.familiarity(TEST))


def test_few_samples_and_imbalance_are_said():
    many = np.flatnonzero(Y < 2)
    rows = np.r_[many, np.flatnonzero(Y == 2)[:2]]
    with (
        pytest.warns(UserWarning, match=r"imbalanced"),
        pytest.warns(UserWarning, match=r"1 of 3 classes have fewer than k = 5 samples \(2\)"),
    ):
        model = ImprintingClassifier(k=5).fit(X[rows], Y[rows])
    assert np.bincount(model.proxy_classes_).tolist() == [5, 5, 2]
    with pytest.warns(UserWarning, match=r"imbalanced: '\d' has \d+ samples, '2' 2"):
        ImprintingClassifier(gen="mean").fit(X[rows], Y[rows])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImprintingClassifier(k=5).fit(X, Y)


# heads that travel


@names
def test_a_saved_head_is_the_same_and_goes_on(tmp_path, method):
    old = Y < 4
    model = new(method).fit(X[old], Y[old].astype(str))
    model.save(tmp_path / "head.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors", FM)
    np.testing.assert_array_equal(loaded.predict(TEST), model.predict(TEST))
    alike(loaded.add_classes(X[~old], Y[~old].astype(str)), new(method).fit(X, Y.astype(str)))
    assert (
        clone(loaded).fit(X[old], Y[old]).predict(TEST).astype(str).tolist()
        == model.predict(TEST).tolist()
    )


def test_a_saved_head_says_what_it_is(tmp_path):
    model = ImprintingClassifier(gen="fps", k=2, random_state=5).fit(
        X, Y, sample_ids=[f"s{i}" for i in range(len(X))]
    )
    model.save(tmp_path / "h.safetensors", FM)
    about = json.loads((tmp_path / "h.json").read_text())
    assert about["classes"] == list(range(6)) and about["fm"] == FM and about["seed"] == 5
    assert about["parameters"]["gen"] == "fps" and set(about["versions"]) == {
        "imprint",
        "numpy",
        "scikit-learn",
    }
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
    assert loaded.proxy_samples_.tolist() == model.proxy_samples_.tolist()
    assert (
        loaded.classes_.dtype == model.classes_.dtype and loaded.get_params() == model.get_params()
    )


def test_a_head_is_refused_on_another_fm_or_preprocessing(tmp_path):
    path = tmp_path / "h.safetensors"
    ImprintingClassifier(gen="mean").fit(X, Y).save(path, FM)
    for change, said in (
        ({"model": "vit"}, "model resnet18.tv_in1k, not vit"),
        ({"weights_sha256": "cd" * 32}, "weights_sha256 abab.*, not cdcd"),
        ({"transform": {"size": [32, 32], "fit": "center"}}, r"transform .*224.*, not .*32"),
        ({"weights_sha256": None}, "not an unknown one"),
    ):
        with pytest.raises(UserError, match=said):
            ImprintingClassifier.load(path, FM | change)
    tuples = FM | {"transform": {"size": (224, 224), "fit": "center"}, "dataset": "d"}
    ImprintingClassifier.load(path, tuples)
    with pytest.raises(UserError, match="names no FM"):
        ImprintingClassifier.load(path, "resnet18")
    with pytest.raises(UserError, match=r"is a \.safetensors file"):
        ImprintingClassifier(gen="mean").fit(X, Y).save(tmp_path / "h.json", FM)


def test_a_head_of_the_workflow_is_taken_over(tmp_path):
    cell = Configuration("l2", "fps", Fixed(4), Scoring("l2", "l2", "mnn", "cosine", "uniform", 3))
    train = Pool(X, Y, 6)
    spec = {
        "task": "t",
        "draws": [None],
        "shots": "full",
        "gen": "fps",
        "seeds": {"4": {"l2": [7]}},
    }
    own = proxy_set_for(make_proxies(train, spec)[0], "4", "l2", 7, 0)
    description = {"classes": list("abcdef"), "fm": FM, "seed": 7}
    write_head(tmp_path / "h.safetensors", make_head(train, own, cell, description))
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors", FM)
    direct = estimator(cell).fit(X, np.array(list("abcdef"))[Y])
    np.testing.assert_array_equal(loaded.predict(TEST), direct.predict(TEST))
    np.testing.assert_array_equal(loaded.proxy_samples_, own.samples)
    more = loaded.add_classes(X[:9] + 5, ["new"] * 9)
    assert more.classes_.tolist() == [*"abcdef", "new"]


# torch

LINEAR = [
    {"gen": "mean"},
    {"gen": "ls", "norm_inf": "none", "norm_post": "none"},
    {"gen": "mean", "distance": "cosine"},
    {"gen": "mean", "distance": "euclidean", "norm_post": "none", "norm_inf": "none"},
    {"gen": "mean", "distance": "euclidean", "agg": "mnn"},
    {"gen": "mean", "norm_post": "quantile"},
]
BEST = [
    {"gen": "kmeans", "k": 3},
    {"gen": "all", "distance": "cosine", "norm_pre": "none", "norm_inf": "none"},
    {
        "gen": "fps",
        "k": 40,
        "agg": "mnn",
        "distance": "euclidean",
        "norm_post": "none",
        "norm_pre": "none",
    },
    {"gen": "mean", "distance": "euclidean", "norm_post": "none"},
    {"gen": "kls", "k": 3, "distance": "euclidean", "norm_inf": "none"},
]


@pytest.mark.parametrize("method", LINEAR + BEST)
@torch.no_grad()
def test_the_module_predicts_as_the_estimator(method):
    model = ImprintingClassifier(**method, random_state=0).fit(X, Y)
    module = model.to_torch()
    assert (type(module) is torch.nn.Linear) == (method in LINEAR)
    scores = module(torch.from_numpy(TEST)).numpy()
    np.testing.assert_array_equal(model.classes_[scores.argmax(axis=1)], model.predict(TEST))
    if method in BEST:
        np.testing.assert_allclose(scores, model.decision_function(TEST), rtol=1e-4, atol=1e-4)
    exact = model.to_torch(exact=True)(torch.from_numpy(TEST)).numpy()
    np.testing.assert_allclose(exact, model.class_scores(TEST), rtol=1e-4, atol=1e-4)
    assert sum(t.numel() for t in module.state_dict().values()) >= model.proxies_.size
    assert not any(p.requires_grad for p in module.parameters())


def test_the_module_can_be_exported_for_any_batch_size():
    module = ImprintingClassifier(k=3, random_state=0).fit(X, Y).to_torch()
    x = torch.from_numpy(TEST)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.testing.assert_close(program.module()(x[:7]), module(x[:7]))


@pytest.mark.parametrize(
    "method", [{"k": 3}, {"gen": "mean"}, {"k": 3, "distance": "euclidean", "norm_inf": "none"}]
)
@pytest.mark.filterwarnings("ignore")
def test_onnx_runs_as_the_module(tmp_path, method):
    import onnxruntime

    names = np.array(list("abcdef"))
    model = ImprintingClassifier(random_state=0, **method).fit(X, names[Y])
    model.to_onnx(tmp_path / "head.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "head.onnx")
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    for queries in (TEST, TEST[:1]):
        (scores,) = session.run(["scores"], {"embeddings": queries})
        np.testing.assert_allclose(scores, model.class_scores(queries), rtol=1e-4, atol=1e-4)
        assert np.array(classes)[scores.argmax(axis=1)].tolist() == model.predict(queries).tolist()


def test_onnx_without_its_packages_says_what_to_install(tmp_path, monkeypatch):
    model = ImprintingClassifier(k=3).fit(X, Y)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"weight-imprinting\[onnx\]"):
        model.to_onnx(tmp_path / "head.onnx")
    with pytest.raises(UserError, match=r"does not end in \.onnx"):
        model.to_onnx(tmp_path / "head.pt")


def test_what_has_no_module_says_so():
    for method, said in (
        ({"agg": "mnn", "m": 3}, "votes of 3 neighbours"),
        ({"distance": "manhattan"}, "manhattan"),
        ({"distance": "mahalanobis"}, "mahalanobis"),
    ):
        with pytest.raises(UserError, match=said):
            ImprintingClassifier(k=3, **method).fit(X, Y).to_torch()
