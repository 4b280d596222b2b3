"""Training samples that a head keeps: all, or none where they are too many."""

import numpy as np

from imprint.estimator import training_samples
from imprint.estimator.training_samples import TrainingSamples

X, CLASSES = np.arange(12, dtype=np.float32).reshape(6, 2), np.array([0, 0, 1, 1, 2, 2])


def test_classes_that_leave_take_their_samples_with_them():
    rest = TrainingSamples.of(X, CLASSES).keeping(np.array([True, False, True]))
    assert rest.x.tolist() == X[[0, 1, 4, 5]].tolist() and rest.classes.tolist() == [0, 0, 1, 1]


def test_of_too_many_samples_none_are_kept(monkeypatch):
    monkeypatch.setattr(training_samples, "MOST_VALUES", X.size)
    kept = TrainingSamples.of(X, CLASSES)
    assert kept.x.size == X.size and kept.plus(X[:1], CLASSES[:1]) is None
    assert TrainingSamples.of(X[:4], CLASSES[:4]).plus(X[4:], CLASSES[4:]).x.tolist() == X.tolist()
    assert TrainingSamples.of(np.concatenate([X, X]), np.tile(CLASSES, 2)) is None
