"""Mistakes in a user's file of embeddings are named."""

from pathlib import Path

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.estimator.embeddings_files import read_file

ARRAYS = {"embeddings": np.eye(4, dtype=np.float32), "labels": np.array([0, 0, 1, 1])}


def read(folder: Path, **arrays):
    np.savez(folder / "mine.npz", **ARRAYS | arrays)
    return read_file(folder / "mine.npz", None, labelled=True)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("classifier", np.ones((9, 3)), r"'classifier' is float64 \(9, 3\), not \(C, 4\)"),
        ("classifier", np.full((2, 4), np.nan), r"not \(C, 4\) finite numbers"),
        ("classifier", np.full((2, 4), "a"), r"'classifier' is <U1, not"),
        ("embeddings", np.ones((4, 0)), r"'embeddings' have the shape \(4, 0\)"),
        ("embeddings", np.diag([1, np.inf, 1, 1]), "row 1 holds NaN or infinity"),
        ("class_names", np.array('["cat", "dog"]'), "'class_names' are not a list of names"),
    ],
)
def test_an_array_that_cannot_be_used_is_named(tmp_path, name, array, message):
    with pytest.raises(UserError, match=rf"mine.npz.*{message}"):
        read(tmp_path, **{name: array})


def test_the_weights_of_the_fm_are_read_as_float32(tmp_path):
    weights = read(tmp_path, classifier=np.ones((9, 4), int)).fm_classifier
    assert weights.dtype == np.float32 and weights.shape == (9, 4)


def test_labels_may_be_truth_values(tmp_path):
    embeddings = read(tmp_path, labels=np.array([True, True, False, True]))
    assert embeddings.class_names == ("False", "True")
    np.testing.assert_array_equal(embeddings.y, [1, 1, 0, 1])


def test_an_empty_label_is_named(tmp_path):
    with pytest.raises(UserError, match=r"mine\.npz: the label of row 2 is empty"):
        read(tmp_path, labels=np.array(["a", "b", "", "a"]))
