"""Compiled loops write nothing outside their arrays, and decide ties by order."""

import subprocess
import sys

import numpy as np
import pytest

from imprint.method.kernels import select, vote


@pytest.mark.parametrize("label", [-1, 3, 10**12])
def test_a_label_that_is_no_class_is_an_error(label):
    labels = np.array([[0, 1, label], [2, 2, 1]])
    with pytest.raises(ValueError, match="1 labels of neighbours are not among the 3 classes"):
        vote(labels, np.ones((1, 3)), 3, np.array([3]))


def test_the_class_of_most_votes_wins():
    labels = np.array([[0, 1, 1], [2, 2, 1]])
    assert vote(labels, np.ones((1, 3)), 3, np.array([1, 3])).tolist() == [[0, 2], [1, 2]]


def test_a_vote_of_very_many_neighbours_on_few_rows():
    labels = np.tile(np.arange(2**15) % 3 % 2, (60, 1))  # two thirds are 0
    assert not vote(labels, np.ones((1, 2**15)), 2, np.array([2**15])).any()


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


MANY_WAYS = """
import numpy as np
from numba.core.dispatcher import Dispatcher
from imprint.method import kernels, sums_kernel
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.engine import predict
from imprint.method.generate import kmeans_kernel
from imprint.method.generate.batched_kmeans import fits
from imprint.method.scoring import CandidateHead
from imprint.method.sums_kernel import add_rows

random = np.random.default_rng(0)
x = random.normal(size=(700, 256)).astype(np.float32)
for n, runs in [(30, [(20, 0)]), (700, [(20, 0)]), (30, [(20, 0), (20, 1)]), (700, [(20, 0), (20, 1)])]:
    fits(x[:n], runs)
for labels in (np.arange(9), np.arange(27) // 3):
    for distance in ("inner_product", "cosine", "euclidean", "mahalanobis", "manhattan"):
        scorings = [Scoring("none", "none", "max", distance), Scoring("l2", "l2", "mnn", distance, "uniform", 3)]
        proxies = x[: len(labels)]
        list(predict(x, 9, [CandidateHead(proxies, labels, tuple(scorings))]))
        for scoring in scorings:
            class_scores(x, CandidateHead(proxies, labels, (scoring,)), 9)
add_rows(x, np.arange(700) % 9, np.zeros((9, 256)))
for module in (kernels, sums_kernel, kmeans_kernel):
    for name, loop in vars(module).items():
        if isinstance(loop, Dispatcher):
            print(name, len(loop.signatures))
"""


def test_each_loop_is_compiled_for_one_signature():
    """Two processes that compile one loop for different arguments at once can mix up the files of numba's cache.

    A loop compiled for contiguous arrays is then called with others, and its results are wrong without an error.
    """
    done = subprocess.run(
        [sys.executable, "-c", MANY_WAYS], capture_output=True, text=True, check=True
    )
    counts = dict(line.split() for line in done.stdout.splitlines())
    assert counts.pop("_nearer") <= "1"  # within another loop
    assert set(counts) >= {"assign", "select", "select_by_class", "manhattan", "_vote", "add_rows"}
    assert set(counts.values()) == {"1"}, counts
