"""A saved head predicts without scikit-learn what the classifier predicts, and is measured anew once classes come or go."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.estimator import training_samples
from imprint.estimator.fitted_head import FittedHead

RANDOM = np.random.default_rng(0)
Y = np.repeat(np.arange(4), 15)
# the first two classes are far apart, the others near them
CENTRES = np.array([[3, 0, 0, 0], [0, 3, 0, 0], [3, 0, 1.5, 0], [0, 3, 0, 1.5]])
X = (CENTRES[Y] + RANDOM.normal(size=(60, 4))).astype(np.float32)
TEST_Y = np.repeat(np.arange(4), 250)
TEST = (CENTRES[TEST_Y] + RANDOM.normal(size=(1000, 4))).astype(np.float32)
FM = {"model": "pixels"}


def fitted(few=4):
    rows = few > Y
    return ImprintingClassifier(method="whiten", probability=True, random_state=0).fit(
        X[rows], Y[rows]
    )


def test_a_saved_head_predicts_as_the_classifier(tmp_path):
    model = fitted()
    model.save(tmp_path / "head.safetensors", FM)
    head = FittedHead.load(tmp_path / "head.safetensors")
    np.testing.assert_array_equal(head.labels(TEST), model.predict(TEST))
    np.testing.assert_array_equal(head.labels(TEST, 0.2), model.predict(TEST, reject=0.2))
    np.testing.assert_array_equal(head.class_scores(TEST), model.class_scores(TEST))
    np.testing.assert_array_equal(head.probabilities(TEST), model.predict_proba(TEST))
    np.testing.assert_array_equal(head.familiarity(TEST), model.familiarity(TEST))


def test_once_classes_come_or_go_limits_are_those_of_one_fit(tmp_path):
    few, all_at_once = fitted(few=2), fitted()
    few.save(tmp_path / "few.safetensors", FM)
    before = few.familiarity(TEST)
    model = ImprintingClassifier.load(tmp_path / "few.safetensors")
    model.add_classes(X[Y == 2], Y[Y == 2]).add_classes(X[Y == 3], Y[Y == 3])
    rejected = model.familiarity(TEST) <= 0.2
    for number in range(4):  # 60 samples choose the limit
        assert 0.05 < rejected[number == TEST_Y].mean() < 0.4
    assert model.familiarity_.samples == all_at_once.familiarity_.samples == 60
    # the penalty of the first two classes stays, so that the temperature is another; it fits as well
    losses = [log_loss(TEST_Y, head.predict_proba(TEST)) for head in (model, all_at_once)]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    model.save(tmp_path / "all.safetensors")
    assert FittedHead.load(tmp_path / "all.safetensors").tuned.current
    model.remove_classes([2, 3])
    np.testing.assert_allclose(model.familiarity(TEST), before, rtol=1e-4)


def test_limits_of_a_head_that_classes_came_to_keep_what_is_asked():
    """They are measured with the penalty that the head has, not with one that all its samples would choose."""
    rejected = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        x, test_x = (
            (CENTRES[y] + random.normal(size=(len(y), 4))).astype(np.float32) for y in (Y, TEST_Y)
        )
        few = Y < 2
        grown = ImprintingClassifier(method="whiten", probability=True, random_state=0)
        grown.fit(x[few], Y[few]).add_classes(x[~few], Y[~few])
        rejected.append((grown.familiarity(test_x) <= 0.2).mean())
    assert 0.15 < np.mean(rejected) < 0.26


def test_a_head_with_too_many_samples_to_keep_says_that_limits_are_of_before(tmp_path, monkeypatch):
    monkeypatch.setattr(training_samples, "MOST_VALUES", 30 * 4)
    model = fitted(few=2)
    measured = model.familiarity_
    assert model.is_current
    model.add_classes(X[Y > 1], Y[Y > 1])
    assert not model.is_current and model.familiarity_ is measured
    model.save(tmp_path / "head.safetensors", FM)
    assert not FittedHead.load(tmp_path / "head.safetensors").tuned.current


def test_a_head_that_held_out_nothing_says_so(tmp_path):
    ImprintingClassifier(gen="mean").fit(X, Y).save(tmp_path / "head.safetensors", FM)
    head = FittedHead.load(tmp_path / "head.safetensors")
    with pytest.raises(UserError, match="no temperature was fitted"):
        head.probabilities(TEST)
    with pytest.raises(
        UserError,
        match=r"reject: no training samples were held out .* with probability=True or method='auto'",
    ):
        head.labels(TEST, 0.05)
