"""Compiled loops write nothing outside their arrays, and decide ties by order."""

import numpy as np
import pytest

from imprint.method.kernels import select, vote


@pytest.mark.parametrize("label", [-1, 3, 10**12])
def test_a_label_that_is_no_class_is_an_error(label):
    labels = np.array([[0, 1, label], [2, 2, 1]])
    with pytest.raises(ValueError, match="1 labels of neighbours are none of 3 classes"):
        vote(labels, np.ones((1, 3)), 3, np.array([3]))


def test_the_class_of_most_votes_wins():
    labels = np.array([[0, 1, 1], [2, 2, 1]])
    assert vote(labels, np.ones((1, 3)), 3, np.array([1, 3])).tolist() == [[0, 2], [1, 2]]


def test_equally_near_proxies_come_in_their_order():
    products = np.tile(np.array([1, 3, 3, 2, 3], np.float32), (2, 40))  # more than a chunk
    n, count = products.shape
    ones, zeros = np.ones(count, np.float32), np.zeros(count, np.float32)
    best = (
        np.full((n, 70), np.inf, np.float32),
        np.zeros((n, 70), np.int32),
        np.zeros((n, 70), "f4"),
    )
    for first in range(0, count, 100):  # two blocks
        select(products, first, first + 100, first, ones, zeros, np.ones(n, np.float32), *best)
    exact = np.argsort(-products[0], kind="stable")[:70]
    assert (best[1] == exact).all()
    assert (best[2] == products[0, exact]).all()
