"""Properties of NORMs that are not fitted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from imprint.method.normalize import NORMS, FittedNorms, l2
from imprint.method.normalize.quantiles import quantile, quantile_pooled

seeds = st.integers(0, 2**32 - 1)


HEAD = np.random.default_rng(0).normal(size=(5, 17)).astype(np.float32)


def example(seed, classes=3, k=2, d=17):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(classes * k, d)) * rng.uniform(0.1, 10, size=(classes * k, 1))).astype(
        np.float32
    )
    return x, np.repeat(np.arange(classes), k)


@given(seeds)
def test_l2_gives_unit_length_and_keeps_direction(seed):
    x, _ = example(seed)
    unit = l2(x)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        unit * np.linalg.norm(x, axis=1, keepdims=True), x, rtol=1e-4, atol=1e-6
    )


def test_l2_leaves_a_zero_row_zero():
    assert (l2(np.zeros((2, 3), np.float32)) == 0).all()


@given(seeds, st.sampled_from(sorted(NORMS.names(fitted=None))))
def test_every_normpost_keeps_shape_and_type(seed, name):
    x, labels = example(seed)
    after = FittedNorms().apply_to_proxies("none", name, x, labels, HEAD)
    assert (after.shape, after.dtype) == (x.shape, np.float32)


@given(seeds, st.sampled_from(["none", "l2", "quantile", "quantile_fm", "quantile_pooled"]))
def test_scaling_and_quantiles_keep_the_ranks_within_a_proxy(seed, name):
    x, labels = example(seed)
    after = FittedNorms().apply_to_proxies("none", name, x, labels, HEAD)
    np.testing.assert_array_equal(rankdata(after, axis=1), rankdata(x, axis=1))


@given(seeds)
def test_quantile_leaves_the_first_class_and_gives_later_proxies_one_distribution(seed):
    x, labels = example(seed)
    after = quantile(x, labels)
    np.testing.assert_array_equal(after[labels == 0], x[labels == 0])
    np.testing.assert_array_equal(np.sort(after[2]), np.sort(after[3]))  # both of class 1
    assert after[labels > 0].min() >= x[labels == 0].min()
    assert after[labels > 0].max() <= x[labels == 0].max()


@given(
    seeds,
    st.integers(1, 9),
    st.integers(1, 40),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_quantile_is_numpys_of_all_values_of_the_classes_before_to_the_bit(
    seed, classes, d, dtype, ties
):
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), random.integers(1, 6, classes))
    x = random.normal(size=(len(labels), d)).astype(dtype)
    if ties:
        x = np.maximum(np.round(x, 1), -0.0)
    expected = x.copy()
    for label in range(1, classes):
        values = np.quantile(expected[labels < label], (np.arange(d) + 0.5) / d)
        order = np.argsort(x[labels == label], axis=1, kind="stable")
        expected[labels == label] = values.astype(dtype)[np.argsort(order, axis=1)]
    np.testing.assert_array_equal(quantile(x, labels), expected)


def test_quantile_takes_the_quantiles_of_the_classes_before():
    x = np.array([[0.0, 1.0, 2.0, 3.0], [30.0, 10.0, 40.0, 20.0]], np.float32)
    expected = np.quantile([0, 1, 2, 3], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(quantile(x, np.array([0, 1]))[1], expected[[2, 0, 3, 1]], rtol=1e-6)


def test_quantile_depends_on_class_order_and_the_pooled_reference_does_not():
    x, labels = example(0, classes=3, k=1)
    turned = x[::-1].copy()
    assert not np.allclose(quantile(turned, labels)[::-1], quantile(x, labels))
    np.testing.assert_array_equal(quantile_pooled(turned, labels)[::-1], quantile_pooled(x, labels))


def test_pooled_quantiles_of_one_proxy_are_its_own():
    x = np.arange(8, dtype=np.float32)[None]
    np.testing.assert_allclose(
        quantile_pooled(x, np.array([0])), np.quantile(x, (np.arange(8) + 0.5) / 8)[None], rtol=1e-6
    )


def test_every_quantile_norm_says_what_its_reference_is():
    assert {n for n in NORMS if NORMS[n].reference} == {n for n in NORMS if not NORMS[n].of_rows}
