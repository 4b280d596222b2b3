"""Facts of sums by class: they grow and shrink as if they had been taken of all samples at once."""

import numpy as np
import pytest

from imprint.method.class_sums import ClassSums


def data(seed, sizes, d=5):
    """Embeddings far from the origin, float32, with so many samples of each class; labels in random order."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = 3 + rng.normal(size=(len(sizes), d))[y] + rng.normal(size=(len(y), d)) * np.arange(1, d + 1)
    return x.astype(np.float32), y


def scatter(x):
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return centred.T @ centred


def assert_tells(sums, x, y, classes):
    """The sums have the counts, means and scatters of these samples."""
    np.testing.assert_array_equal(sums.counts, np.bincount(y, minlength=classes))
    assert sums.total == len(x)
    scatters = []
    for label in range(classes):
        rows = x[y == label]
        if not len(rows):
            continue
        np.testing.assert_allclose(sums.means[label], rows.mean(axis=0, dtype=float), rtol=1e-6)
        scatters.append(scatter(rows))
        if sums.by_class:
            of_class = sums.keeping(np.arange(classes) == label)
            np.testing.assert_allclose(
                of_class.roots.T @ of_class.roots, scatters[-1], rtol=1e-4, atol=1e-3
            )
    np.testing.assert_allclose(sums.roots.T @ sums.roots, sum(scatters), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(sums.mean, x.mean(axis=0, dtype=float), rtol=1e-6)
    centred = sums.root_about(sums.mean)
    np.testing.assert_allclose(centred.T @ centred, scatter(x), rtol=1e-4, atol=1e-3)


FEW, MANY = (3, 1, 2), (40, 3, 25)  # samples of classes, with 5 features


@pytest.mark.parametrize("sizes", [FEW, MANY, (4,), (4, 0, 2)])
def test_sums_tell_counts_means_and_scatters(sizes):
    x, y = data(0, sizes)
    assert_tells(ClassSums.of(x, y, len(sizes)), x, y, len(sizes))


def test_the_scatter_of_a_class_takes_no_more_rows_than_features():
    assert ClassSums.of(*data(0, MANY), 3).sizes.tolist() == [5, 3, 5]


@pytest.mark.parametrize("before", [FEW, MANY, (2, 0, 9)])
@pytest.mark.parametrize("arriving", [FEW, MANY, (0, 7, 0), (0, 0, 0, 4), (2, 0, 0, 1, 30)])
def test_more_samples_and_classes_are_as_if_they_had_been_there(before, arriving):
    (x, y), (more, of_more) = data(0, before), data(1, arriving)
    sums = ClassSums.of(x, y, 3).plus(ClassSums.of(more, of_more, len(arriving)))
    assert_tells(sums, np.concatenate([x, more]), np.r_[y, of_more], len(arriving))


def test_samples_that_arrive_one_by_one_are_as_if_they_had_come_together():
    x, y = data(2, (20, 12, 8))
    sums = ClassSums.of(x[:0], y[:0], 3)
    for i in range(len(x)):
        sums = sums.plus(ClassSums.of(x[i : i + 1], y[i : i + 1], 3))
    assert_tells(sums, x, y, 3)
    assert sums.sizes.tolist() == [5, 5, 5]


@pytest.mark.parametrize("sizes", [FEW, MANY])
@pytest.mark.parametrize("stays", [(True, False, True), (False, True, True), (False, False, True)])
def test_classes_that_leave_are_as_if_they_had_never_been_there(sizes, stays):
    x, y = data(3, sizes)
    kept = np.array(stays)[y]
    sums = ClassSums.of(x, y, 3).keeping(np.array(stays))
    assert_tells(sums, x[kept], (np.cumsum(stays) - 1)[y[kept]], sum(stays))


def test_classes_come_back_after_they_left():
    x, y = data(4, MANY)
    stays = np.array([True, True, False])
    sums = ClassSums.of(x, y, 3).keeping(stays)
    assert_tells(sums.plus(ClassSums.of(x[y == 2], y[y == 2], 3)), x, y, 3)


@pytest.fixture
def few_values(monkeypatch):
    """Roots of six classes with five features are too many to be kept class by class."""
    monkeypatch.setattr("imprint.method.class_sums.STORED_ROOT_VALUES", 40)


@pytest.mark.parametrize("sizes", [(3, 1, 2, 2, 3, 2), (40, 3, 25, 1, 1, 1)])
def test_pooled_scatters_tell_the_same_of_all_classes_together(few_values, sizes):
    x, y = data(5, sizes)
    sums = ClassSums.of(x, y, 6).bounded()
    assert not sums.by_class and sums.roots.shape == (5, 5)
    assert_tells(sums, x, y, 6)


@pytest.mark.parametrize("arriving", [(9, 4, 3, 2, 2, 8), (30, 20, 9, 8, 7, 6), (4, 0, 0, 0, 0, 1)])
def test_pooled_scatters_grow_as_if_all_samples_had_been_there(few_values, arriving):
    (x, y), (more, of_more) = data(6, (3, 9, 2, 2, 3, 2)), data(7, arriving)
    sums = ClassSums.of(x, y, 6).bounded().plus(ClassSums.of(more, of_more, len(arriving)))
    assert not sums.by_class
    assert_tells(sums, np.concatenate([x, more]), np.r_[y, of_more], len(arriving))


def test_sums_survive_as_arrays():
    x, y = data(8, MANY)
    arrays = ClassSums.of(x, y, 3).arrays()
    sums = ClassSums.from_arrays({**arrays, "other": np.zeros(3)})
    assert_tells(sums, x, y, 3)
    arrays.popitem()
    assert ClassSums.from_arrays(arrays) is None
