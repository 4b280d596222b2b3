"""Facts of GEN."""

import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from imprint.errors import UserError
from imprint.method.configuration import Fixed
from imprint.method.generate import GENERATORS, generator
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.samples import by_covariance, centred, farthest_points

HERE = sorted(g for g, spec in GENERATORS.items() if not spec.requires or find_spec(spec.requires))
BY_CLASS = [g for g in HERE if not GENERATORS[g].sees_all_classes]
seeds = st.integers(0, 2**32 - 1)


def data(seed=0, n=90, d=6, classes=3):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    x = (rng.normal(size=(classes, d))[y] + 0.5 * rng.normal(size=(n, d))).astype(np.float32)
    return x, y


def overlapping(seed=0, n=300, d=6, classes=3):
    """Overlapping classes of two clusters each: which method or penalty is best depends on the held-out samples."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    centres = 2 * rng.normal(size=(classes, 2, d))
    x = centres[y, rng.integers(0, 2, n)] + rng.normal(size=(n, d))
    return x.astype(np.float32), y


def generated(gen, x, y, k=4, seed=7, **options):
    return proxy_sets(x, y, gen, [k], [seed], ls_lambda=0.01, **options)[k, seed]


@pytest.mark.parametrize("gen", HERE)
def test_labels_ascend_and_every_class_has_proxies(gen):
    x, y = data()
    proxies = generated(gen, x, y)
    assert (np.diff(proxies.labels) >= 0).all()
    assert set(proxies.labels) == {0, 1, 2}
    assert proxies.matrix(x).shape == (len(proxies.labels), x.shape[1])


@pytest.mark.parametrize("gen", BY_CLASS)
def test_k_is_capped_at_the_number_of_samples(gen):
    x, y = data(n=9)
    proxies = generated(gen, x, y, k=50)
    counts = np.bincount(proxies.labels)
    only = GENERATORS[gen].only_k
    expected = np.full(3, only.k) if isinstance(only, Fixed) else np.bincount(y)
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("gen", [g for g in BY_CLASS if GENERATORS[g].samples])
def test_sample_proxies_are_distinct_samples_of_their_class(gen):
    x, y = data()
    proxies = generated(gen, x, y)
    assert len(set(proxies.samples)) == len(proxies.samples)
    np.testing.assert_array_equal(y[proxies.samples], proxies.labels)


@pytest.mark.parametrize("gen", [g for g in HERE if GENERATORS[g].takes_k])
def test_all_k_at_once_equal_each_k_alone(gen):
    x, y = data()
    together = proxy_sets(x, y, gen, [1, 3, 5], [1, 2], ls_lambda=0.01)
    for (k, seed), proxies in together.items():
        alone = generated(gen, x, y, k=k, seed=seed)
        np.testing.assert_array_equal(proxies.labels, alone.labels)
        np.testing.assert_array_equal(proxies.matrix(x), alone.matrix(x))


@pytest.mark.parametrize("gen", HERE)
def test_seed_matters_just_where_the_registry_says_so(gen):
    x, y = overlapping()
    seeds = [1, 2, 3]
    with threadpool_limits(limits=1):  # many small fits would spend their time on waking threads
        # with few medoids `pam` finds the same ones from every start
        sets = proxy_sets(x, y, gen, [8], seeds, ls_lambda=0.01)
    same = [np.array_equal(sets[8, 1].matrix(x), sets[8, seed].matrix(x)) for seed in seeds]
    assert all(same) != GENERATORS[gen].seeded
    assert (sets[8, 1] is sets[8, 2]) != GENERATORS[gen].seeded


@pytest.mark.parametrize("gen", ["mean", "kmedoids", "cov_max", "all", "ls"])
def test_order_of_samples_does_not_matter(gen):
    x, y = data()
    turn = np.random.default_rng(1).permutation(len(x))
    first, second = generated(gen, x, y), generated(gen, x[turn], y[turn])
    rows = [
        sorted(map(tuple, proxies.matrix(z).round(4)))
        for proxies, z in ((first, x), (second, x[turn]))
    ]
    assert rows[0] == rows[1]


def test_mean_is_the_mean():
    x, y = data()
    np.testing.assert_allclose(
        generated("mean", x, y).values, [x[y == c].mean(axis=0) for c in range(3)], rtol=1e-5
    )


def test_kmeans_is_scikit_learns_with_its_defaults():
    x, y = data()
    proxies = generated("kmeans", x, y, k=4, seed=11)
    expected = [
        KMeans(n_clusters=4, random_state=11).fit(x[y == c]).cluster_centers_ for c in range(3)
    ]
    np.testing.assert_array_equal(proxies.values, np.concatenate(expected))


def test_kmedoids_finds_the_medoids_of_separate_clusters():
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    x = np.concatenate(
        [centres, np.repeat(centres, 9, axis=0) + rng.uniform(-1, 1, (27, 2))]
    ).astype(np.float32)
    proxies = generated("kmedoids", x, np.zeros(30, int), k=3)
    groups = [np.r_[i, 3 + 9 * i : 12 + 9 * i] for i in range(3)]
    medoids = {g[np.linalg.norm(x[g][:, None] - x[g], axis=2).sum(axis=1).argmin()] for g in groups}
    assert set(proxies.samples) == medoids


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 12))
def test_no_cluster_has_a_better_medoid_than_its_own(seed, k):
    x = np.random.default_rng(seed).normal(size=(80, 3)).astype(np.float32)
    medoids = generated("kmedoids", x, np.zeros(80, int), k=k).samples
    distances = np.linalg.norm(x[:, None] - x.astype(np.float64), axis=2)
    nearest = distances[medoids].argmin(axis=0)
    for cluster, medoid in enumerate(medoids):
        members = np.flatnonzero(nearest == cluster)
        costs = distances[np.ix_(members, members)].sum(axis=0)
        assert costs[members == medoid] <= costs.min() * (1 + 1e-6)


@pytest.mark.parametrize("gen", BY_CLASS)
def test_the_only_sample_of_a_class_is_its_proxy(gen):
    x, y = data(n=30)
    x, y = np.concatenate([x, x[:1] + 5]), np.r_[y, 3]
    proxies = generated(gen, x, y, k=4)
    np.testing.assert_allclose(proxies.matrix(x)[proxies.labels == 3], x[-1:], rtol=1e-6)


def test_duplicates_and_constant_embeddings_give_their_one_point():
    x, y = np.ones((12, 4), np.float32), np.repeat([0, 1], 6)
    for gen in BY_CLASS:
        np.testing.assert_allclose(generated(gen, x, y, k=3).matrix(x), 1, rtol=1e-6, err_msg=gen)


class KnownStart:
    """Randomness whose first draw is known."""

    def generator(self):
        return self

    def integers(self, n):
        return 0


def test_fps_picks_the_far_corner_then_the_next():
    x = np.array([[0, 0], [1, 0], [5, 5], [0, 1], [5, 0]], np.float32)
    np.testing.assert_array_equal(farthest_points(x, 3, KnownStart(), centred(x)), [0, 2, 4])


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_cov_max_equals_the_column_sums_of_the_sample_covariance(seed):
    x = np.random.default_rng(seed).normal(size=(20, 8))
    sums = np.cov(x).sum(axis=0)
    np.testing.assert_array_equal(by_covariance(x), np.argsort(-sums))


def closed_form(x, groups, ridge):
    x = x.astype(np.float64)
    means = np.stack([x[groups == g].mean(axis=0) for g in range(groups.max() + 1)])
    return means @ np.linalg.inv(x.T @ x / len(x) + ridge * np.eye(x.shape[1])) / len(means)


def test_least_squares_equals_its_closed_form():
    x, y = data()
    np.testing.assert_allclose(generated("ls", x, y).values, closed_form(x, y, 0.01), rtol=1e-4)


def test_balanced_least_squares_is_ridge_regression_of_one_hot_labels():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(3)
    y = np.repeat(np.arange(3), 20)
    x = (rng.normal(size=(3, 5))[y] + rng.normal(size=(60, 5))).astype(np.float32)
    ridge = Ridge(alpha=60 * 0.01, fit_intercept=False).fit(x, np.eye(3)[y])
    np.testing.assert_allclose(generated("ls", x, y).values, ridge.coef_, rtol=1e-3, atol=1e-5)


def test_kls_with_one_cluster_is_ls_and_with_more_is_ls_on_the_clusters():
    x, y = data()
    np.testing.assert_allclose(
        generated("kls", x, y, k=1).values, generated("ls", x, y).values, rtol=1e-4
    )
    groups = np.empty(len(x), int)
    for c in range(3):
        groups[y == c] = 2 * c + KMeans(n_clusters=2, random_state=7).fit(x[y == c]).labels_
    np.testing.assert_allclose(
        generated("kls", x, y, k=2).values, closed_form(x, groups, 0.01), rtol=1e-3, atol=1e-5
    )


def test_kls_takes_clusters_made_before():
    x, y = data()
    clusters = proxy_sets(x, y, "kmeans", [3], [7])
    np.testing.assert_array_equal(
        generated("kls", x, y, k=3, clusters=clusters).values, generated("kls", x, y, k=3).values
    )


def test_a_class_without_samples_is_an_error_that_names_it():
    x, y = data()
    with pytest.raises(UserError, match="class 1 has no training sample"):
        generated("mean", x[y != 1], y[y != 1])
    with pytest.raises(UserError, match="no training samples"):
        generated("mean", x[:0], y[:0])


def test_ls_without_its_ridge_says_what_is_missing():
    x, y = data()
    with pytest.raises(UserError, match="ls_lambda"):
        proxy_sets(x, y, "ls", [1], [1])


@pytest.mark.parametrize("gen", HERE)
def test_the_number_of_threads_changes_nothing(gen):
    x, y = data(n=300)
    alone, together = (
        proxy_sets(x, y, gen, [2, 4], [1, 2], ls_lambda=0.01, threads=t) for t in (1, 2)
    )
    for name, proxies in alone.items():
        np.testing.assert_array_equal(proxies.matrix(x), together[name].matrix(x))


def test_pam_is_no_worse_than_the_alternating_medoids():
    pytest.importorskip("kmedoids", reason="the optional package kmedoids (GPL-3) is not installed")
    x, y = data(n=200)

    def cost(gen):
        proxies = generated(gen, x, y, k=5)
        return sum(
            np.linalg.norm(x[y == c][:, None] - proxies.matrix(x)[proxies.labels == c], axis=2)
            .min(axis=1)
            .sum()
            for c in range(3)
        )

    assert cost("pam") <= cost("kmedoids") + 1e-3


def test_a_gen_whose_package_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kmedoids", None)
    x, y = data()
    with pytest.raises(UserError, match="pip install kmedoids"):
        generated("pam", x, y)


def test_an_unknown_property_of_a_gen_is_reported():
    with pytest.raises(
        UserError, match=r"GEN own: unknown property 'all_classes'.*did you mean 'sees_all_classes'"
    ):
        generator("own", all_classes=True)


def test_samples_have_no_bias():
    """The engine takes samples from the embeddings, where there is none."""
    with pytest.raises(UserError, match="proxies that are samples have no bias"):
        generator("own", samples=True, sees_all_classes=True, has_bias=True)


def test_classes_with_equal_samples_warn_of_nothing_in_several_threads():
    """scikit-learn's fits of fewer distinct samples than k warn; threads must not lift each other's filter."""
    x = np.repeat(np.random.default_rng(0).normal(size=(80, 8)).astype(np.float32), 12, axis=0)
    y = np.repeat(np.arange(20), 48)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        proxy_sets(x, y, "kmeans", [5, 20], list(range(5)), threads=4)
    assert not caught


def test_least_squares_of_few_large_embeddings():
    x, y = np.random.default_rng(0).normal(size=(12, 30)).astype(np.float32), np.arange(12) % 3
    large = proxy_sets(1e5 * x, y, "ls", [1], [0], ls_lambda=1e-4)[1, 0].values
    assert np.isfinite(large).all()
    np.testing.assert_array_equal((x @ large.T).argmax(axis=1), y)
