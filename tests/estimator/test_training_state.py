"""The training state: adding or removing returns a new state, and a failed change alters nothing."""

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.estimator.incremental import Settings
from imprint.estimator.training_state import TrainingState
from imprint.method.generate import GENERATORS
from imprint.method.presets import PRESETS

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
Y, IDS = np.repeat(["wren", "owl"], 20), np.arange(40)


def state(preset):
    method = PRESETS[preset].configuration
    settings = Settings(GENERATORS[method.gen], 2, 0, 1e-4)
    return TrainingState.first(method, settings, X, Y, IDS, keep=False), settings


def test_a_class_that_comes_and_goes_leaves_what_was_there():
    before, settings = state("westerhoff")
    more = before.with_more(settings, X[:5] + 1, np.array(["crow"] * 5), np.arange(5))
    assert before.classes.tolist() == ["owl", "wren"]
    assert more.classes.tolist() == ["owl", "wren", "crow"] and more.counts.tolist() == [20, 20, 5]
    after = more.without(np.array(["crow"]))
    np.testing.assert_array_equal(after.imprinted.proxies, before.imprinted.proxies)
    assert after.examples.tolist() == before.examples.tolist()
    assert after.has(X, Y).all() and not after.has(X[:5] + 1, np.array(["crow"] * 5)).any()


def test_what_cannot_be_exact_is_refused():
    before, settings = state("westerhoff")
    with pytest.raises(UserError, match="GEN kmeans cannot add samples to class owl"):
        before.with_more(settings, X[:1], np.array(["owl"]), np.arange(1))
    means, settings = state("qi")
    assert means.with_more(settings, X, Y, IDS).counts.tolist() == [40, 40]
