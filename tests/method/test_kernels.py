"""Compiled loops write nothing outside their arrays."""

import numpy as np
import pytest

from imprint.method.kernels import vote


@pytest.mark.parametrize("label", [-1, 3, 10**12])
def test_a_label_that_is_no_class_is_an_error(label):
    labels = np.array([[0, 1, label], [2, 2, 1]])
    with pytest.raises(ValueError, match="1 labels of neighbours are none of 3 classes"):
        vote(labels, np.ones((1, 3)), 3, np.array([3]))


def test_the_class_of_most_votes_wins():
    labels = np.array([[0, 1, 1], [2, 2, 1]])
    assert vote(labels, np.ones((1, 3)), 3, np.array([1, 3])).tolist() == [[0, 2], [1, 2]]
