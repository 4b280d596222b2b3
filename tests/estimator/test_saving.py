"""Loaded heads predict the same, describe themselves, and accept more classes."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from imprint import ImprintingClassifier
from imprint.data.pools import Pool
from imprint.errors import UserError
from imprint.method.configuration import Configuration, Fixed, Scoring
from imprint.method.normalize import NORMS, normalization
from imprint.method.presets import PRESETS
from imprint.method.proxies import proxy_set_for
from imprint.store.embeddings import Embeddings
from imprint.store.heads import write_head
from imprint.study.jobs.heads import make_head
from imprint.study.jobs.proxies import make_proxies
from tests.estimator.examples import (
    FM,
    TEST,
    X,
    Y,
    alike,
    each_method,
    estimator,
    new,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have fewer than k")


@each_method
def test_a_loaded_head_predicts_the_same_and_accepts_classes(tmp_path, method):
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


def test_a_loaded_head_warns_as_before_of_small_classes(tmp_path):
    """`auto` chose k, so that fewer samples are no mistake of the user."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 80)
    # four clusters in each class, so that several proxies are better
    x = 9 * rng.normal(size=(12, 4))[4 * y + np.arange(240) % 4] + rng.normal(size=(240, 4))
    model = ImprintingClassifier(random_state=0).fit(x, y)
    assert model.k_ is not None and model.k_ > 2
    model.save(tmp_path / "head.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded.add_classes(x[:2] + 50, [7, 7])
    assert not [each for each in caught if "fewer than k" in str(each.message)]


def test_names_that_are_not_utf_8_are_saved(tmp_path):
    classes = np.array(["\udce9t\u00e9", "owl"])[Y % 2]
    ImprintingClassifier(method="qi").fit(X, classes).save(tmp_path / "head.safetensors", FM)
    described = json.loads((tmp_path / "head.json").read_text(encoding="utf-8"))["classes"]
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors").classes_
    assert described == loaded.tolist() == sorted(set(classes.tolist()))


def test_ids_of_64_bits_keep_their_digits(tmp_path):
    """As hashes of files do; numpy joins signed and unsigned numbers, and lists of them, as floats."""
    path, old = tmp_path / "head.safetensors", Y < 4
    hashes = np.arange(old.sum(), dtype=np.uint64) + 2**63 - 9
    more = -1 - np.arange((Y == 4).sum())
    for ids in (hashes, hashes.tolist()):
        ImprintingClassifier(gen="all").fit(X[old], Y[old], sample_ids=ids).save(path, FM)
        loaded = ImprintingClassifier.load(path)
        assert sorted(loaded.proxy_samples_.tolist()) == hashes.tolist()
        loaded.add_classes(X[Y == 4], Y[Y == 4], sample_ids=more).save(path)
        grown = ImprintingClassifier.load(path).proxy_samples_.tolist()
        assert grown[len(hashes) :] == more.tolist()
        assert sorted(grown[: len(hashes)]) == hashes.tolist()


def test_ids_of_numpy_that_no_type_of_numpy_holds_are_saved(tmp_path):
    path = tmp_path / "head.safetensors"
    ids = [np.int64(-1), *(np.arange(len(X) - 1, dtype=np.uint64) + 2**63)]
    ImprintingClassifier(gen="all").fit(X, Y, sample_ids=ids).save(path, FM)
    assert sorted(ImprintingClassifier.load(path).proxy_samples_.tolist()) == [
        -1,
        *range(2**63, 2**63 + len(X) - 1),
    ]


def test_ids_that_json_cannot_hold_are_refused(tmp_path):
    ids = [Path(f"{number}.png") for number in range(len(X))]
    model = ImprintingClassifier(gen="fps", k=2, random_state=0).fit(X, Y, sample_ids=ids)
    with pytest.raises(UserError, match="JSON cannot hold ids of type PosixPath"):
        model.save(tmp_path / "head.safetensors", FM)


@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        *({"method": name} for name in PRESETS),
        *({"norm_post": f"whiten({how})+l2"} for how in ("ledoit_wolf", "oas", "0.3")),
        {"norm_post": "center+l2"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_a_head_of_few_samples_can_be_saved_and_loaded(tmp_path, options, samples):
    rows = np.concatenate([np.flatnonzero(label == Y)[:samples] for label in range(6)])
    model = ImprintingClassifier(**options, random_state=0).fit(X[rows], Y[rows])
    model.save(tmp_path / "head.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors", FM)
    np.testing.assert_array_equal(loaded.predict(TEST), model.predict(TEST))


def test_a_head_is_not_saved_with_an_fm_of_other_embeddings(tmp_path):
    wide = Embeddings(
        np.ones((4, 7), np.float32), np.zeros(4, int), np.arange(4), ("a",), {"fm": "net"}
    )
    head = ImprintingClassifier(gen="mean").fit(X, Y)
    with pytest.raises(UserError, match=f"embeddings of {X.shape[1]} values, .* have 7"):
        head.save(tmp_path / "h.safetensors", fm=wide)


def test_a_norm_that_changes_the_number_of_values_is_saved(tmp_path):
    normalization("pairs")(lambda x: x[:, ::2] * x[:, 1::2])
    try:
        model = ImprintingClassifier(norm_pre="pairs", gen="mean", norm_inf="pairs").fit(X, Y)
        assert model.proxies_.shape[1] < X.shape[1]
        model.save(tmp_path / "h.safetensors", FM)
        loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
        assert loaded.n_features_in_ == X.shape[1]
        np.testing.assert_array_equal(loaded.predict(TEST), model.predict(TEST))
    finally:
        NORMS.remove("pairs")
    with pytest.raises(UserError, match=r"component from a user's file .*'pairs'.*--components"):
        ImprintingClassifier.load(tmp_path / "h.safetensors")


@pytest.mark.parametrize(("norm_post", "is_saved"), [("quantile_fm", True), ("whiten+l2", False)])
def test_weights_of_the_fm_are_saved_with_a_norm_that_needs_them(tmp_path, norm_post, is_saved):
    of_fm = np.random.default_rng(0).normal(size=(3, X.shape[1])).astype(np.float32)
    model = ImprintingClassifier(gen="mean", norm_post=norm_post, fm_classifier=of_fm).fit(X, Y)
    model.save(tmp_path / "h.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
    assert (loaded.fm_classifier is not None) == is_saved
    np.testing.assert_array_equal(loaded.predict(TEST), model.predict(TEST))


def test_a_loaded_head_that_is_fitted_again_forgets_its_fm(tmp_path):
    ImprintingClassifier(gen="mean").fit(X, Y).save(tmp_path / "h.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
    loaded.save(tmp_path / "same.safetensors")
    with pytest.raises(UserError, match="give the FM of the embeddings"):
        loaded.fit(X[:, :5], Y).save(tmp_path / "other.safetensors")


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
    for change, message in (
        ({"model": "vit"}, "model resnet18.tv_in1k, not vit"),
        ({"weights_sha256": "cd" * 32}, "weights_sha256 abab.*, not cdcd"),
        ({"transform": {"size": [32, 32], "fit": "center"}}, r"transform .*224.*, not .*32"),
        ({"weights_sha256": None}, "not an unknown one"),
    ):
        with pytest.raises(UserError, match=message):
            ImprintingClassifier.load(path, FM | change)
    tuples = FM | {"transform": {"size": (224, 224), "fit": "center"}, "dataset": "d"}
    ImprintingClassifier.load(path, tuples)
    with pytest.raises(UserError, match="names no FM"):
        ImprintingClassifier.load(path, "resnet18")
    with pytest.raises(UserError, match=r"is a \.safetensors file"):
        ImprintingClassifier(gen="mean").fit(X, Y).save(tmp_path / "h.json", FM)


def of_workflow(path, gen, k, scoring):
    """Save a head as the workflow does; returns its method and proxies."""
    cell = Configuration("l2", gen, Fixed(k), scoring)
    train = Pool(X, Y, 6)
    spec = {
        "task": "t",
        "draws": [None],
        "shots": "full",
        "gen": gen,
        "seeds": {str(k): {"l2": [7]}},
    }
    proxies = proxy_set_for(make_proxies(train, spec)[0], str(k), "l2", 7, 0)
    description = {"classes": list("abcdef"), "fm": FM, "seed": 7}
    write_head(path, make_head(train, proxies, cell, description))
    return cell, proxies


def test_a_head_of_the_workflow_can_be_loaded(tmp_path):
    scoring = Scoring("l2", "l2", "mnn", "cosine", "uniform", 3)
    cell, proxies = of_workflow(tmp_path / "h.safetensors", "fps", 4, scoring)
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors", FM)
    direct = estimator(cell).fit(X, np.array(list("abcdef"))[Y])
    np.testing.assert_array_equal(loaded.predict(TEST), direct.predict(TEST))
    np.testing.assert_array_equal(loaded.proxy_samples_, proxies.samples)
    more = loaded.add_classes(X[:9] + 5, ["new"] * 9)
    assert more.classes_.tolist() == [*"abcdef", "new"]


def test_a_head_of_the_workflow_without_sums_takes_no_classes(tmp_path):
    scoring = Scoring("l2", "l2", "max", "inner_product")
    of_workflow(tmp_path / "h.safetensors", "mean", 1, scoring)
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
    assert not loaded.takes_classes
    with pytest.raises(UserError, match="without the sums"):
        loaded.add_classes(X[:9] + 5, ["new"] * 9)


def test_names_of_columns_are_saved(tmp_path):
    frame = pd.DataFrame(X).rename(columns=str)
    model = ImprintingClassifier(method="qi").fit(frame, Y)
    model.save(tmp_path / "head.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="same order"):
        loaded.predict(frame[frame.columns[::-1]])


def test_parameters_of_the_fit_hold_for_later_samples(tmp_path):
    """scikit-learn's parameters take effect at `fit`."""
    new, labels = X[:8] + 3, np.array([90, 91] * 4)
    plain, changed = (ImprintingClassifier(gen="ls", ls_lambda=0.1).fit(X, Y) for _ in range(2))
    changed.set_params(ls_lambda=1e-5).add_classes(new, labels)
    plain.add_classes(new, labels)
    np.testing.assert_array_equal(changed.class_scores(X), plain.class_scores(X))
    changed.save(tmp_path / "head.safetensors", FM)
    assert ImprintingClassifier.load(tmp_path / "head.safetensors").ls_lambda == 0.1


def test_a_head_does_not_replace_the_json_of_something_else(tmp_path):
    (tmp_path / "notes.json").write_text('{"mine": 1}')
    model = ImprintingClassifier(method="qi").fit(X, Y)
    with pytest.raises(UserError, match=r"notes\.json is a file of something else"):
        model.save(tmp_path / "notes.safetensors", FM)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


def test_an_fm_that_json_cannot_hold_is_refused(tmp_path):
    model = ImprintingClassifier(method="qi").fit(X, Y)
    with pytest.raises(UserError, match=r"cannot be described in JSON .*PosixPath"):
        model.save(tmp_path / "head.safetensors", {**FM, "transform": {"file": tmp_path}})
    assert not list(tmp_path.iterdir())
