"""The estimator: scikit-learn's contract, the workflow's predictions, explanations and doubt."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from imprint import ImprintingClassifier
from imprint.data.pools import Pool
from imprint.errors import UserError
from imprint.estimator.sample_warnings import warn_once
from imprint.method.configuration import Auto, Configuration, Every, Fixed, Scoring
from imprint.method.engine import predict as engine
from imprint.method.generate.choose_k import choose_k
from imprint.method.normalize import FittedNorms, l2
from imprint.method.presets import PRESETS
from imprint.method.proxies import proxy_set_for
from imprint.method.scoring import candidate_head
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score
from tests.estimator.examples import OWN_CLASSIFIER, TEST, TEST_Y, X, Y, estimator

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have fewer than k")


# scikit-learn's contract


def not_expected(estimator):
    """What of the contract does not hold, and why."""
    failures = {}
    if estimator.method != "oracle" and estimator.gen not in ("mean", "ls", "all"):
        failures["check_fit_score_takes_y"] = (
            "calls partial_fit twice with the same classes, exact for mean, ls and all"
        )
    if estimator.method is None and estimator.gen is None:
        failures["check_methods_subset_invariance"] = "scores are float32, as the embeddings"
    if (estimator.norm_post or "").startswith("quantile"):
        failures["check_classifiers_train"] = (
            "of the few features of its data, quantiles keep only the order"
        )
    return failures


@parametrize_with_checks(
    [
        ImprintingClassifier(),
        ImprintingClassifier(method="oracle"),
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
    with pytest.raises(UserError, match="known: auto, qi"):
        ImprintingClassifier(method="best").fit(X, Y)


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
    proxies = proxy_set_for(sets, cell.k.label, cell.norm_pre, 7, 0)
    of_set = candidate_head(proxies, X, cell.norm_pre, (cell.scoring,), FittedNorms(X, Y))
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
    np.testing.assert_allclose(votes, [np.bincount(Y[row], minlength=6) / 7 for row in near])
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


@pytest.mark.parametrize("value", [0, 3])
def test_identical_embeddings_give_a_warning(value):
    with pytest.warns(UserWarning, match="all samples have the same embedding"):
        model = ImprintingClassifier().fit(np.full((20, 4), value), np.arange(20) % 2)
    assert np.isfinite(model.decision_function(TEST[:, :4])).all()


def test_few_samples_and_imbalance_give_warnings():
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


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"gen": "mean", "k": 5}, "k=5 has no effect: GEN mean leaves no choice of k"),
        ({"gen": "kmeans", "k": 2, "m": 3}, "m=3 has no effect: only agg mnn takes it"),
        (
            {"k": 2, "weighting": "distance"},
            "weighting=distance has no effect: only agg mnn and logsumexp take it",
        ),
        ({"gen": "mean", "ls_lambda": 0.5}, "ls_lambda=0.5 has no effect: only GEN ls and kls"),
        ({"ls_lambda": 0.25}, "ls_lambda=0.25 has no effect: only GEN ls and kls"),  # of auto
    ],
)
def test_a_search_over_a_parameter_without_effect_gives_one_warning(named, message):
    warn_once.cache_clear()  # other tests may have given the warning
    *_, name = named
    grid, parameters = {name: [named[name]]}, dict(list(named.items())[:-1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GridSearchCV(ImprintingClassifier(random_state=0, **parameters), grid, cv=3).fit(X, Y)
    assert [message in str(warning.message) for warning in caught] == [True]


def test_parameters_with_an_effect_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for named in (
            {"gen": "mean", "k": 1},
            {"k": 2, "agg": "mnn", "distance": "cosine", "m": 3, "weighting": "distance"},
            {"k": 2, "agg": "logsumexp", "weighting": "exponential(0.1)"},
            {"gen": "ls", "ls_lambda": 0.5},
        ):
            ImprintingClassifier(random_state=0, **named).fit(X, Y)


def test_where_there_are_no_probabilities_the_error_says_what_gives_them():
    model = ImprintingClassifier(gen="mean").fit(X, Y)
    with pytest.raises(AttributeError) as told:
        _ = model.predict_proba
    assert "only with probability=True" in str(told.value.__cause__)
