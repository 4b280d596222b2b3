"""Facts of class scores as probabilities."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from imprint.method.calibration import INVERSE_TEMPERATURES, calibrate, probabilities

STEP = INVERSE_TEMPERATURES[1] / INVERSE_TEMPERATURES[0]


def drawn(inverse_temperature, n=4000, classes=5, seed=0):
    """Scores (n, C), and labels (n,) drawn from their softmax at that temperature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes)) * 0.3 + rng.normal(size=(n, 1))
    chances = softmax(inverse_temperature * scores, axis=1)
    return scores.astype(np.float32), (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("inverse_temperature", [1, 3, 10, 40])
def test_the_temperature_of_known_probabilities_is_found(inverse_temperature):
    fit = calibrate(*drawn(inverse_temperature))
    error = np.log(fit.inverse_temperature / inverse_temperature)
    assert abs(error) < np.log(STEP)  # of the grid, and of chance


def test_losses_are_the_log_loss_of_the_probabilities():
    scores, y = drawn(3, n=500)
    fit = calibrate(scores, y)
    expected = log_loss(y, probabilities(scores, fit.inverse_temperature), labels=range(5))
    assert fit.losses.mean() == pytest.approx(expected)
    for factor in (STEP, 1 / STEP):
        other = probabilities(scores, factor * fit.inverse_temperature)
        assert log_loss(y, other, labels=range(5)) >= expected


@pytest.mark.parametrize("unit", [1e-5, 1, 1e3])
@pytest.mark.parametrize("margin", [0, 0.3, 2, 30])
def test_no_other_temperature_has_a_lower_loss(margin, unit):
    """Of scores that say nothing to those that separate the classes; the loss is that of smoothed labels."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 7, 100)
    scores = unit * (rng.normal(size=(100, 7)) + margin * np.eye(7)[y])
    shares = np.eye(7)[y] * (1 - 1 / 102) + 1 / 102 / 7
    inverses = INVERSE_TEMPERATURES / (scores - scores.max(axis=1, keepdims=True)).std()
    losses = [-(shares * log_softmax(factor * scores, axis=1)).sum() for factor in inverses]
    fit = calibrate(scores, y)
    assert fit.inverse_temperature == pytest.approx(inverses[np.argmin(losses)], rel=1e-9)
    least = min(log_loss(y, softmax(factor * scores, axis=1)) for factor in inverses)
    assert fit.losses.mean() == pytest.approx(least, rel=1e-6, abs=1e-12)


def test_the_unit_of_the_scores_does_not_matter():
    scores, y = drawn(3, n=500)
    fit, scaled = calibrate(scores, y), calibrate(1000 * scores + 7, y)
    assert scaled.inverse_temperature == pytest.approx(fit.inverse_temperature / 1000, rel=1e-3)
    np.testing.assert_allclose(scaled.losses, fit.losses, rtol=1e-2, atol=1e-3)


def test_scores_that_say_nothing_cost_little_more_than_equal_probabilities():
    rng = np.random.default_rng(0)
    fit = calibrate(rng.normal(size=(1000, 4)), rng.integers(0, 4, 1000))
    assert fit.losses.mean() == pytest.approx(np.log(4), abs=0.03)
    assert calibrate(np.ones((6, 3)), np.arange(6) % 3).losses == pytest.approx(np.log(3))


@pytest.mark.parametrize("inverse_temperature", [0.1, 1, 1e4])
def test_probabilities_are_a_softmax(inverse_temperature):
    scores = 50 * np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    of_classes = probabilities(scores, inverse_temperature)
    np.testing.assert_allclose(of_classes.sum(axis=1), 1)
    np.testing.assert_allclose(
        of_classes, softmax(inverse_temperature * scores.astype(float), axis=1), rtol=1e-6
    )
    np.testing.assert_array_equal(of_classes.argmax(axis=1), scores.argmax(axis=1))


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("n", [10, 300])
def test_scores_that_separate_the_classes_leave_some_doubt(n, classes):
    """A new sample half-way between two classes gets no probability of 0 or 1, and more samples leave less doubt."""
    y = np.arange(n) % classes
    scores = np.eye(classes)[y] + 0.1 * np.random.default_rng(0).random((n, classes))
    fit = calibrate(scores, y)
    assert fit.losses.max() < 1e-6
    of_classes = probabilities(scores, fit.inverse_temperature)
    doubt = 1 - of_classes.max(axis=1).mean()
    assert 0.1 / n < doubt < 2 / n
