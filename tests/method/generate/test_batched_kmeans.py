"""Fits of k-means made together are scikit-learn's."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from imprint.method.generate import batched_kmeans
from imprint.method.generate.batched_kmeans import fits
from tests.devices import DEVICES

KS = (1, 2, 3, 5, 8, 20)


@pytest.fixture(autouse=True)
def one_core():
    """Use one core: on several, scikit-learn adds samples in another order."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def left(monkeypatch):
    """The k and seed of fits that are left to scikit-learn."""
    names = []

    def noted(x, k, seed):
        names.append((k, seed))
        return by_scikit_learn(x, k, seed)

    by_scikit_learn = batched_kmeans._by_scikit_learn
    monkeypatch.setattr(batched_kmeans, "_by_scikit_learn", noted)
    return names


def blobs(n, d, seed=0, clusters=7, spread=0.6, zeros=False):
    """Samples of clusters that overlap; with `zeros`, non-negative as ReLU leaves them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(clusters, d))[random.integers(0, clusters, n)]
    x = (x + spread * random.normal(size=(n, d))).astype(np.float32)
    return np.maximum(x, 0) if zeros else x


def of_scikit_learn(x, k, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KMeans(n_clusters=k, random_state=seed).fit(x)


def assert_as_scikit_learn(x, runs):
    fitted = fits(x, runs)
    for (k, seed), centroids in zip(runs, fitted, strict=True):
        expected = of_scikit_learn(x, k, seed).cluster_centers_
        scale = np.abs(expected).max() + np.finfo(np.float32).tiny
        np.testing.assert_allclose(centroids / scale, expected / scale, atol=2e-6, rtol=0)
        assert centroids.dtype == expected.dtype


@pytest.mark.parametrize(
    ("n", "d"), [(1, 3), (2, 1), (20, 2), (21, 600), (255, 8), (257, 8), (700, 33), (1030, 128)]
)
@pytest.mark.parametrize("zeros", [False, True])
def test_centroids_are_those_of_scikit_learn_whatever_the_shape(n, d, zeros):
    x = blobs(n, d, seed=n + d, zeros=zeros)
    runs = [(min(k, n), seed) for k in KS for seed in (0, 2**32 - 1)]
    assert_as_scikit_learn(x, runs)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 24), st.floats(-3, 3), st.data()
)
def test_centroids_are_those_of_scikit_learn_for_any_samples(seed, n, d, shift, data):
    scale = 10 ** data.draw(st.floats(-6, 6))
    x = (scale * (blobs(n, d, seed, zeros=data.draw(st.booleans())) + 10**shift)).astype(np.float32)
    k = data.draw(st.integers(1, n))
    assert_as_scikit_learn(x, [(k, seed), (min(n, 2 * k), seed), (k, seed // 2)])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(1, 4), st.data())
def test_duplicates_and_samples_between_two_centroids(seed, n, d, data):
    """Whole numbers from a small range: many samples coincide, many are as near to two centroids."""
    x = np.random.default_rng(seed).integers(0, 3, (n, d)).astype(np.float32)
    k = data.draw(st.integers(1, n))
    assert_as_scikit_learn(x, [(k, seed), (min(n, 3), seed)])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 1), (20, 2), (257, 8), (700, 33), (1030, 128)])
def test_on_a_device_centroids_are_those_of_scikit_learn(monkeypatch, n, d, device, left):
    monkeypatch.setattr("imprint.method.generate.kmeans_on_device.BLOCK_VALUES", 10_000)
    x = blobs(n, d, seed=n + d)
    runs = [(min(k, n), seed) for k in KS for seed in (0, 1)]
    fitted = fits(x, runs, device)
    assert not left
    for (k, seed), centroids in zip(runs, fitted, strict=True):
        expected = of_scikit_learn(x, k, seed)
        np.testing.assert_allclose(centroids, expected.cluster_centers_, atol=1e-5)
        assert centroids.dtype == np.float32


@pytest.mark.parametrize("device", DEVICES)
def test_on_a_device_too_a_cluster_that_runs_empty_is_left_to_scikit_learn(device, left):
    x = np.repeat(blobs(5, 4), 8, axis=0)
    fitted = fits(x, [(3, 0), (5, 0), (6, 0)], device)
    assert left == [(6, 0)]
    expected = of_scikit_learn(x, 6, 0).cluster_centers_
    np.testing.assert_allclose(fitted[2], expected, atol=1e-6)


def test_fits_are_the_same_together_and_alone():
    x = blobs(600, 96)
    runs = [(k, seed) for k in KS for seed in (1, 2, 3)]
    for run, centroids in zip(runs, fits(x, runs), strict=True):
        (alone,) = fits(x, [run])
        np.testing.assert_array_equal(centroids, alone)


def test_usual_samples_need_no_help_of_scikit_learn(left):
    runs = [(k, seed) for k in KS for seed in (1, 2, 3)]
    fits(blobs(600, 96), runs)
    assert not left


def test_a_cluster_that_runs_empty_is_left_to_scikit_learn(left):
    # 40 samples at five points
    x = np.repeat(blobs(5, 4), 8, axis=0)
    assert_as_scikit_learn(x, [(3, 0), (5, 0), (6, 0), (20, 0)])
    assert left == [(6, 0), (20, 0)]


def test_double_precision_is_left_to_scikit_learn(left):
    x = blobs(50, 4).astype(np.float64)
    assert_as_scikit_learn(x, [(4, 1)])
    assert left == [(4, 1)]


def test_samples_that_are_not_finite_are_refused():
    x = blobs(50, 4)
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fits(x, [(4, 1)])


def test_samples_stay_as_they_are():
    x = blobs(100, 8)
    before = x.copy()
    fits(x, [(4, 1)])
    np.testing.assert_array_equal(x, before)


def test_the_loop_is_compiled_before_the_first_fit():
    """Otherwise the time of small fits would be that of compiling."""
    code = """
import numpy as np
from imprint.method.generate import batched_kmeans
from imprint.method.generate.kmeans_kernel import assign

ready = list(assign.signatures)
x = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)
batched_kmeans.fits(x, [(3, 0), (20, 1)])
assert list(assign.signatures) == ready != []
"""
    subprocess.run([sys.executable, "-c", code], check=True)
