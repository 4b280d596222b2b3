"""Tensors, ids and weights as users pass them, and wrong values."""

import re

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.estimator.validation import as_classifier_weights, as_numpy, checked_ids


def test_tensors_of_any_float_are_arrays():
    tensor = torch.tensor([[0.5, 2]], dtype=torch.bfloat16, requires_grad=True)
    assert as_numpy(tensor).tolist() == [[0.5, 2]]
    assert as_numpy(torch.tensor([1, 2])).dtype == np.int64
    assert as_numpy("ab") == "ab"


def test_ids_go_on_from_those_before():
    assert checked_ids(None, 3, 2).tolist() == [3, 4]
    with pytest.raises(UserError, match="2 samples need as many ids"):
        checked_ids(["a"], 0, 2)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("weights", "is not an array of numbers"),
        (np.ones(3), r"has shape \(3,\); it must be \(C, 3\)"),
        (np.ones((0, 3)), r"has shape \(0, 3\)"),
        (np.ones((5, 4)), r"has shape \(5, 4\); it must be \(C, 3\)"),
        (np.full((5, 3), np.nan), "holds NaN"),
        (np.full((5, 3), 1e300), "that float32 cannot hold"),
    ],
)
def test_weights_of_an_fm_that_are_none_are_refused(weights, message):
    with pytest.raises(UserError, match=message):
        as_classifier_weights(weights, 3)
    assert as_classifier_weights(torch.ones(5, 3), 3).dtype == np.float32


def test_wrong_values_are_named_before_and_after_a_fit():
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    for method in ("nearest_proxies", "seen_before", "predict"):
        with pytest.raises(NotFittedError):
            getattr(ImprintingClassifier(), method)(x)
    for wrong in ({"random_state": -1}, {"random_state": 2**32}, {"method": ["qi"]}, {"gen": {}}):
        ((name, value),) = wrong.items()
        with pytest.raises(UserError, match=re.escape(f"{name}={value!r} is not a ")):
            ImprintingClassifier(**wrong).fit(x, y)
    with pytest.raises(UserError, match="ls_lambda=inf is not a positive number"):
        ImprintingClassifier(gen="ls", ls_lambda=np.inf).fit(x, y)
    with pytest.raises(UserError, match="class None is not among the given classes"):
        ImprintingClassifier().partial_fit(x, None, classes=[0, 1, 2])
    with pytest.raises(UserError, match=r"reject '0\.05': the share"):
        ImprintingClassifier().fit(x, y).predict(x, reject="0.05")
    assert ImprintingClassifier().partial_fit(x, y, classes={0, 1, 2}).classes_.tolist() == [
        0,
        1,
        2,
    ]
