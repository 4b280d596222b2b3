"""k chosen from training samples alone."""

import numpy as np
import pytest

from imprint.data.pools import Pool
from imprint.method.generate.choose_k import CANDIDATES, choose_k
from imprint.study.jobs.proxies import make_proxies


def clusters(per_class, n=600, classes=4, d=16, spread=0.15, seed=0):
    """Classes of so many clusters in random directions."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, per_class, d))
    y = np.arange(n) % classes
    x = centres[y, random.integers(0, per_class, n)] + spread * random.normal(size=(n, d))
    return x.astype(np.float32), y


@pytest.mark.parametrize("per_class", [1, 2, 5])
def test_classes_of_several_clusters_get_about_as_many_proxies(per_class):
    chosen = choose_k(*clusters(per_class), "kmeans", 1)[0]
    assert per_class <= chosen <= max(2 * per_class, 2)


def test_the_choice_is_the_same_every_time_and_on_any_number_of_threads():
    x, y = clusters(3)
    assert len({choose_k(x, y, "kmeans", 5, threads)[0] for threads in (1, 2, 1)}) == 1


def test_few_samples_limit_the_choice():
    x, y = clusters(3)
    assert choose_k(x[:4], y[:4], "kmeans", 1)[0] == 1  # one of each class: none can be held out
    rows = np.flatnonzero(np.arange(len(y)) < 24)  # six of each class, of which one is held out
    assert choose_k(x[rows], y[rows], "kmeans", 1)[0] in [k for k in CANDIDATES if k <= 5]


def test_classes_of_very_different_size():
    x, y = clusters(2)
    rows = np.r_[np.flatnonzero(y != 3), np.flatnonzero(y == 3)[:1]]
    largest = np.bincount(y[rows]).max()
    assert choose_k(x[rows], y[rows], "random", 1)[0] in [k for k in CANDIDATES if k <= largest]


def test_a_proxy_file_of_auto_is_that_of_the_k_chosen(monkeypatch):
    def slowly(*arguments, **options):
        chosen, seconds = choose_k(*arguments, **options)
        return chosen, seconds + 1000

    monkeypatch.setattr("imprint.study.jobs.proxies.choose_k", slowly)
    x, y = clusters(3)
    spec = {
        "task": "t", "family": "t", "d": None, "datasets": ["data"], "draws": [None], "shots": "full", "gen": "kmeans",
    }  # fmt: skip
    auto, work = make_proxies(Pool(x, y, 4), {**spec, "seeds": {"auto": {"l2": [1, 2]}}})
    assert work.computed == 2
    for (_, norm_pre, seed, draw), automatic in auto.items():
        k = str(len(automatic.labels) // 4)
        of_k = make_proxies(Pool(x, y, 4), {**spec, "seeds": {k: {norm_pre: [seed]}}})[0]
        plain = of_k[k, norm_pre, seed, draw]
        np.testing.assert_array_equal(automatic.values, plain.values)
        assert automatic.seconds > 1000, "the time of the choice counts"
