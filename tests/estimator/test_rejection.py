"""Rejected samples get a mark that no class is named by, in a label type that can hold it."""

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.estimator.rejection import mark, marked

REJECTED = np.array([False, True])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([3, 5], np.uint8), [3, -1]),
        (np.array([2**63 + 1, 5], np.uint64), [2**63 + 1, -1]),
        (np.array([0.5, 1.5]), [0.5, -1]),
        (np.array(["a", "b"]), ["a", "rejected"]),
        (np.array(["a", ("b", 1)], object), ["a", "rejected"]),
    ],
)
def test_any_labels_hold_the_mark(labels, expected):
    assert marked(labels, REJECTED, mark(labels)).tolist() == expected
    assert labels.tolist()[1] != expected[1]  # the labels that were given stay


@pytest.mark.parametrize("classes", [np.array([-1, 0]), np.array(["owl", "rejected"])])
def test_a_class_of_that_name_is_refused(classes):
    with pytest.raises(UserError, match="is also a class here; rename the class"):
        mark(classes)
