"""Facts of neural collapse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from imprint.method.collapse import collapse
from imprint.method.normalize import l2

seeds = st.integers(0, 2**31 - 1)


def data(seed=0, n=200, d=12, classes=5, spread=0.5):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    return (rng.normal(size=(classes, d))[y] + spread * rng.normal(size=(n, d))).astype(
        np.float32
    ), y


def by_definition(x, y, released=False):
    """NC1 and VCI with D x D matrices, in float64."""
    x = l2(x.astype(np.float64))
    classes = y.max() + 1
    means = np.stack([x[y == c].mean(axis=0) for c in range(classes)])
    overall = means.mean(axis=0)
    centred = [x[y == c] - (means[c] - overall if released else means[c]) for c in range(classes)]
    within = np.mean([of_class.T @ of_class / len(of_class) for of_class in centred], axis=0)
    between = (means - overall).T @ (means - overall) / classes
    nc1 = np.trace(within @ np.linalg.pinv(between, rcond=1e-8)) / classes
    vci = 1 - np.trace(
        np.linalg.pinv(within + between, rcond=1e-8) @ between
    ) / np.linalg.matrix_rank(between, tol=1e-9)
    return nc1, vci, np.trace(within), np.trace(between)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_nc1_and_vci_equal_their_definitions(seed):
    x, y = data(seed)
    measured = collapse(x, y, 5)
    nc1, vci, trace_w, trace_b = by_definition(x, y)
    assert measured.nc1 == pytest.approx(nc1, rel=1e-3)
    assert measured.vci == pytest.approx(vci, rel=1e-3)
    assert measured.trace_w == pytest.approx(trace_w, rel=1e-4)
    assert measured.trace_b == pytest.approx(trace_b, rel=1e-4)
    assert measured.nc1_released == pytest.approx(by_definition(x, y, released=True)[0], rel=1e-3)


def test_collapsed_classes_have_nc1_zero():
    x, y = data(spread=0)
    measured = collapse(x, y, 5)
    assert measured.nc1 == pytest.approx(0, abs=1e-9)
    assert measured.vci == pytest.approx(0, abs=1e-4)
    assert (measured.rank_w, measured.rank_b) == (0, 4)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.01, 100))
def test_rotation_scale_and_class_names_change_nothing(seed, scale):
    x, y = data(seed)
    turn = ortho_group.rvs(x.shape[1], random_state=seed).astype(np.float32)
    rename = np.random.default_rng(seed).permutation(5)
    first, second = collapse(x, y, 5), collapse(scale * x @ turn, rename[y], 5)
    assert second.nc1 == pytest.approx(first.nc1, rel=1e-3)
    assert second.vci == pytest.approx(first.vci, rel=1e-3)


def test_uniting_classes_raises_nc1():
    x, y = data(classes=6, n=300, spread=0.1)
    assert collapse(x, y // 2, 3).nc1 > 5 * collapse(x, y, 6).nc1


def test_each_class_counts_once_however_many_samples_it_has():
    x, y = data()
    more = np.r_[np.arange(len(x)), np.flatnonzero(y == 0)]
    assert collapse(x[more], y[more], 5).nc1 == pytest.approx(collapse(x, y, 5).nc1, rel=1e-4)


def test_one_class_or_equal_means_have_no_nc1():
    x, _ = data()
    measured = collapse(x, np.zeros(len(x), int), 1)
    assert np.isnan([measured.nc1, measured.vci, measured.nc1_released]).all()
    assert measured.rank_b == 0


def test_vci_counts_directions_in_which_samples_vary_little():
    x, y = data(n=400, d=60)
    x = x * np.geomspace(1, 1e-3, 60).astype(np.float32)
    measured = collapse(x, y, 5)
    wide = l2(x.astype(np.float64))
    means = np.stack([wide[y == c].mean(axis=0) for c in range(5)])
    within = np.mean([np.cov(wide[y == c], rowvar=False, bias=True) for c in range(5)], axis=0)
    between = np.cov(means, rowvar=False, bias=True)
    vci = 1 - np.trace(np.linalg.pinv(within + between, rcond=1e-13) @ between) / 4
    assert measured.vci == pytest.approx(vci, rel=1e-3)
    assert measured.rank_w == 60


def test_more_dimensions_than_samples():
    x, y = data(n=20, d=64, classes=3)
    measured = collapse(x, y, 3)
    assert measured.nc1 == pytest.approx(by_definition(x, y)[0], rel=1e-3)
    assert measured.rank_w == 17
