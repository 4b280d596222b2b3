"""Classes come and go as if they had always been there, or never."""

import pickle

import numpy as np
import pytest

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.store.heads import read_head
from tests.estimator.examples import (
    FM,
    TEST,
    X,
    Y,
    alike,
    each_method,
    new,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have fewer than k")


@each_method
def test_adding_classes_equals_one_fit_on_all(method):
    old = Y < 4
    for grow in (ImprintingClassifier.add_classes, ImprintingClassifier.partial_fit):
        grown = grow(new(method).fit(X[old], Y[old]), X[~old], Y[~old])
        whole = new(method).fit(X, Y)
        alike(grown, whole)
        np.testing.assert_array_equal(grown.predict(TEST), whole.predict(TEST))


@each_method
def test_removing_classes_equals_never_having_had_them(method):
    model = new(method).fit(X, Y)
    if method["gen"] in ("ls", "kls"):
        with pytest.raises(UserError, match="depend on the samples of all classes"):
            model.remove_classes([5])
        return
    alike(model.remove_classes([4, 5]), new(method).fit(X[Y < 4], Y[Y < 4]))
    alike(model.add_classes(X[Y >= 4], Y[Y >= 4]), new(method).fit(X, Y))


@each_method
def test_more_samples_of_known_classes_are_exact_or_refused(method):
    model = new(method).partial_fit(X[:70], Y[:70], classes=np.arange(6))
    if method["gen"] in ("mean", "ls", "all"):
        alike(
            model.partial_fit(X[70:72], Y[70:72]).partial_fit(X[72:], Y[72:]), new(method).fit(X, Y)
        )
    else:
        before = pickle.dumps(model)
        with pytest.raises(UserError, match="cannot add samples to class 0, 1"):
            model.partial_fit(X[70:], Y[70:])
        assert pickle.dumps(model) == before


@pytest.mark.parametrize("method", [{"method": "qi"}, {"method": "knn"}, {"gen": "ls"}], ids=str)
def test_a_head_that_begins_with_one_class_measures_probabilities_later(method):
    grown = ImprintingClassifier(**method, probability=True, random_state=0)
    for of_class in (np.flatnonzero(label == Y) for label in range(6)):
        grown.partial_fit(X[of_class], Y[of_class])
    order = np.argsort(Y, kind="stable")
    whole = ImprintingClassifier(**method, probability=True, random_state=0).fit(X[order], Y[order])
    np.testing.assert_allclose(grown.predict_proba(TEST), whole.predict_proba(TEST), atol=1e-6)
    np.testing.assert_array_equal(grown.familiarity(TEST), whole.familiarity(TEST))


def test_a_head_that_begins_with_one_sample_whitens_once_samples_vary():
    head = ImprintingClassifier(method="whiten").fit(X[:1], Y[:1]).partial_fit(X[1:], Y[1:])
    plain = ImprintingClassifier(method="qi").fit(X[:1], Y[:1]).partial_fit(X[1:], Y[1:])
    assert np.abs(head.class_scores(TEST) - plain.class_scores(TEST)).max() > 0.1


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


@pytest.mark.parametrize("norm_post", ["none", "center"])
def test_what_was_learnt_before_generation_is_fitted_again_only_on_all(norm_post):
    norm = "l2+whiten+l2"
    model = ImprintingClassifier(gen="mean", norm_pre=norm, norm_post=norm_post, norm_inf=norm).fit(
        X[Y < 4], Y[Y < 4]
    )
    assert model.score(X[Y < 4], Y[Y < 4]) > 0.8
    assert not model.takes_classes
    with pytest.raises(UserError, match="fit again on all"):
        model.add_classes(X[Y > 3], Y[Y > 3])
    with pytest.raises(UserError, match="fit again without these classes"):
        model.remove_classes([3])


@pytest.mark.parametrize("shrinkage", ["oas", "ledoit_wolf"])
def test_what_needs_all_samples_again_is_refused_and_keeps_no_sums(tmp_path, shrinkage):
    model = ImprintingClassifier(gen="mean", norm_post=f"whiten({shrinkage})+l2").fit(X, Y)
    assert not model.takes_classes
    with pytest.raises(UserError, match=rf"whiten\({shrinkage}\)\+l2 needs all samples again"):
        model.add_classes(X[:2], [8, 8])
    with pytest.raises(UserError, match="needs all samples again"):
        model.remove_classes([0])
    model.save(tmp_path / "h.safetensors", FM)
    assert not [name for name in read_head(tmp_path / "h.safetensors").state if "class_" in name]


def test_auto_is_the_default_and_says_why(tmp_path):
    model = ImprintingClassifier(random_state=0).fit(X, Y)
    assert model.choice_.configuration == model.configuration_
    assert model.choice_.held_out > 0 and "held out" in model.choice_.reason
    fixed = ImprintingClassifier(method="whiten", probability=True, random_state=0).fit(X, Y)
    proba = fixed.predict_proba(TEST)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(proba.argmax(axis=1), fixed.class_scores(TEST).argmax(axis=1))
    fixed.save(tmp_path / "h.safetensors", FM)
    loaded = ImprintingClassifier.load(tmp_path / "h.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(TEST), proba)
    single = ImprintingClassifier().fit(np.eye(3), [0, 1, 2])
    assert "fewer than two classes have two samples" in single.choice_.reason
    with pytest.raises(UserError, match="fewer than two classes had two samples"):
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


def test_classes_of_64_bits_are_removed_by_all_their_digits():
    classes = np.array([5, 6, 7, 8, 2**63 + 1, 2**63 + 2], np.uint64)
    model = ImprintingClassifier(method="qi").fit(X, classes[Y]).remove_classes([5, 2**63 + 1])
    assert model.classes_.tolist() == [6, 7, 8, 2**63 + 2]


def test_impossible_changes_of_classes_are_refused():
    model = ImprintingClassifier(gen="mean").fit(X, Y)
    with pytest.raises(UserError, match="class 3 exists already"):
        model.add_classes(X[:1], [3])
    with pytest.raises(UserError, match="there is no class 9"):
        model.remove_classes([9])
    with pytest.raises(UserError, match="no class would be left"):
        model.remove_classes(range(6))
    with pytest.raises(UserError, match="another type"):
        model.add_classes(X[:2], ["a", "b"])
    with pytest.raises(UserError, match="another type"):
        model.add_classes(X[:2], [True, False])
    texts = ImprintingClassifier(gen="mean").fit(X, Y.astype(str).astype(object))
    for change in (texts.add_classes, texts.partial_fit):
        with pytest.raises(UserError, match="another type"):
            change(X[:2], [1, 8])
    with pytest.raises(UserError, match="class 7 is not among"):
        ImprintingClassifier().partial_fit(X[:1], [7], classes=[1, 2])
    with pytest.raises(ValueError, match="features"):
        model.add_classes(X[:1, :3], [8])
