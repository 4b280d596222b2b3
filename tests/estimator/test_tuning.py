"""What training samples choose: all of a method, its k, or nothing."""

import numpy as np

from imprint.estimator.parameters import resolve
from imprint.estimator.tuning import tune
from imprint.method.normalize import FittedNorms

SETTINGS = {"ls_lambda": 1e-4, "fm_classifier": None, "threads": None}
Y = np.repeat(np.arange(2), 20)
X = (np.random.default_rng(0).normal(size=(40, 6)) + 3 * Y[:, None]).astype(np.float32)


def tuned(method, hold_out=False, **choices):
    parts = resolve(method, choices)
    return tune(X, Y, parts, 0, norms=FittedNorms(X, Y), hold_out=hold_out, **SETTINGS)


def test_a_named_method_is_as_it_is_and_nothing_is_held_out():
    fixed = tuned("westerhoff", k=3)
    assert fixed.k == 3 and fixed.configuration.gen == "kmeans"
    assert fixed.choice is fixed.inverse_temperature is fixed.familiarity is None


def test_samples_are_held_out_for_a_temperature():
    held = tuned("qi", hold_out=True)
    assert held.k is None and held.choice is None  # a mean leaves no choice of k
    assert held.inverse_temperature > 0 and held.familiarity.samples > 0


def test_auto_chooses_all_and_says_why():
    auto = tuned("auto")
    assert auto.choice.configuration == auto.configuration and auto.familiarity is not None
