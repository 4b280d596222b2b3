"""Facts of tasks: which samples they hold, under which labels, and how shots are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from imprint.data.pools import Pool, draw_shots, pool, require_all, select
from imprint.data.shots import most_shots, training_seed
from imprint.errors import UserError
from imprint.store.embeddings import Embeddings


def part(y, classes, width=2):
    y = np.array(y)
    x = np.arange(len(y) * width, dtype=np.float32).reshape(len(y), width)
    return Embeddings(x, y, np.arange(len(y)).astype(str), tuple(map(str, range(classes))), {})


def test_the_labels_of_a_dataset_are_offset_by_the_classes_before_it():
    """By all classes that the datasets before have, not by those that occur."""
    both = pool([part([0, 1], 4), part([2, 0], 3)])
    np.testing.assert_array_equal(both.y, [0, 1, 6, 4])
    assert both.class_count == 7


def test_datasets_of_different_embedding_size_cannot_be_one_task():
    with pytest.raises(UserError, match="different sizes"):
        pool([part([0], 1, width=2), part([0], 1, width=3)])


def test_datasets_with_different_classifiers_of_the_fm_are_not_by_one_fm():
    weights = np.eye(2, dtype=np.float32)
    one, same = (replace(part([0, 1], 2), fm_classifier=weights.copy()) for _ in range(2))
    np.testing.assert_array_equal(pool([one, same]).fm_classifier, weights)
    with pytest.raises(UserError, match="different classifiers of the FM, so they are not by one"):
        pool([one, replace(same, fm_classifier=weights + 1)])


def test_groups_unite_and_leave_out_classes():
    rows, y, classes = select(pool([part([0, 1, 2, 3, 1], 4)]), [[3], [1, 0]])
    np.testing.assert_array_equal(rows, [0, 1, 3, 4])
    np.testing.assert_array_equal(y, [1, 1, 0, 1])
    assert classes == 2


def test_a_class_that_is_not_there_is_named():
    with pytest.raises(UserError, match="no class 9"):
        select(pool([part([0], 4)]), [[9]])


def test_without_groups_all_classes_stay():
    samples = Pool(np.zeros((3, 1), np.float32), np.array([2, 0, 2]), 3)
    rows, y, classes = select(samples, None)
    assert (list(rows), list(y), classes) == ([0, 1, 2], [2, 0, 2], 3)


def test_shots_are_at_most_n_per_class_nested_and_drawn_by_the_seed():
    y = np.random.default_rng(0).integers(0, 5, 200)
    few, more = draw_shots(y, "3", 1), draw_shots(y, "10", 1)
    np.testing.assert_array_equal(np.bincount(y[few]), [3] * 5)
    assert set(few) <= set(more)
    assert set(draw_shots(y, "3", 2)) != set(few)
    np.testing.assert_array_equal(draw_shots(y, "1000", 1), np.arange(200))
    np.testing.assert_array_equal(draw_shots(y, "full", 1), np.arange(200))


def test_every_sample_has_the_same_chance():
    y = np.repeat([0, 1], [10, 30])
    drawn = (
        np.bincount(
            np.concatenate([draw_shots(y, "5", seed) for seed in range(2000)]), minlength=40
        )
        / 2000
    )
    np.testing.assert_allclose(drawn, np.repeat([1 / 2, 1 / 6], [10, 30]), atol=0.06)


def test_full_is_more_than_any_number_of_shots():
    assert most_shots(["5", "20"]) == "20"
    assert most_shots(["5", "full", "20"]) == "full"


def test_all_seeds_share_the_training_set_of_all_samples():
    assert [training_seed(shots, 3) for shots in ("full", "5")] == [None, 3]


def test_a_class_missing_from_the_training_split_is_named():
    with pytest.raises(UserError, match="2 of 4 classes have no training sample \\(class b, d\\)"):
        require_all(np.array([0, 2]), list("abcd"), "task t")
    with pytest.raises(UserError, match="class 0; labels count from 0"):
        require_all(np.array([1, 2]), list("012"), "task t")


def test_the_test_split_must_number_the_classes_as_the_training_split_does():
    train = replace(part([0, 1, 2], 3), provenance={"dataset": "birds", "file": "a-train.npz"})
    test = replace(train, provenance={"dataset": "birds", "file": "a-test.npz"})
    np.testing.assert_array_equal(pool([test], pool([train])).y, [0, 1, 2])
    turned = replace(test, class_names=("2", "1", "0"))
    with pytest.raises(UserError, match=r"a-train\.npz.*a-test\.npz.*class 0 is '0' and '2'"):
        pool([turned], pool([train]))
    fewer = replace(test, y=np.array([0, 1, 1]), class_names=("0", "1"))
    with pytest.raises(UserError, match=r"3 classes and 2 classes.*class_count"):
        pool([fewer], pool([train]))
