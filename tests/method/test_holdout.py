"""Facts of the training samples that are held out to judge methods by."""

import numpy as np
import pytest

from imprint.method.holdout import ENOUGH, FOLDS, REPETITIONS, folds, rows_by_class


def labels(*sizes, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


SIZES = [(10, 10), (25, 30), (2, 2, 2), (2, 1, 2), (40, 1, 3, 1, 2), (3, 200), (1, 1, 12, 2)]


@pytest.mark.parametrize("sizes", SIZES)
def test_a_class_always_keeps_a_sample(sizes):
    for seed in range(5):
        y = labels(*sizes, seed=seed)
        for held in folds(y, seed):
            assert held.any()
            assert set(y[~held]) == set(y)


@pytest.mark.parametrize("sizes", SIZES)
def test_every_sample_with_another_of_its_class_is_held_out_equally_often(sizes):
    y = labels(*sizes)
    times = sum(held.astype(int) for held in folds(y, 3))
    np.testing.assert_array_equal(times, np.where(np.bincount(y)[y] > 1, REPETITIONS, 0))


@pytest.mark.parametrize("sizes", [(10, 10), (25, 30), (57, 13, 30)])
def test_folds_have_the_same_share_of_each_class(sizes):
    y = labels(*sizes)
    counts = np.array([np.bincount(y[held], minlength=len(sizes)) for held in folds(y, 0)])
    assert len(counts) == FOLDS * REPETITIONS
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_small_classes_are_spread_over_the_folds():
    y = labels(20, *[2] * 60)
    sizes = [int(held.sum()) for held in folds(y, 0)]
    assert min(sizes) > 5 and max(sizes) < 30


def test_few_samples_make_fewer_folds():
    assert len(list(folds(labels(4, 3), 0))) == 4 * REPETITIONS


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 1), (11,), (1, 1, 12)])
def test_without_two_classes_of_two_samples_nothing_is_held_out(sizes):
    assert list(folds(labels(*sizes), 0)) == []


def test_many_samples_are_not_held_out_again():
    y = labels(2500, 3500)
    held = sum(int(held.sum()) for held in folds(y, 0))
    assert ENOUGH <= held < ENOUGH + len(y) / FOLDS


def test_the_seed_decides_which_samples_are_held_out():
    y = labels(20, 20)
    first, again, other = (np.array(list(folds(y, seed))) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_rows_by_class_are_the_rows_of_each_class():
    y = np.array([2, 0, 1, 0, 2, 2])
    assert [rows.tolist() for rows in rows_by_class(y)] == [[1, 3], [2], [0, 4, 5]]
