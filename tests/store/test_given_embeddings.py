import json

import h5py
import numpy as np
import pytest

from imprint.errors import UserError
from imprint.store.embeddings import read_embeddings
from imprint.store.files import new_hdf5
from imprint.store.given_embeddings import adopt, shape_of


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "embeddings": rng.standard_normal((6, 4)).astype(np.float16),
        "labels": np.array([0, 1, 2, 0, 1, 2]),
    }


def test_npz_becomes_an_embeddings_file(arrays, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays, ids=list("uvwxyz"), class_names=["cat", "dog", "owl"])
    adopt(tmp_path / "mine.npz", tmp_path / "e.h5", provenance={"fm": "mine"})
    read = read_embeddings(tmp_path / "e.h5")
    np.testing.assert_array_equal(read.x, arrays["embeddings"])
    np.testing.assert_array_equal(read.y, arrays["labels"])
    assert read.ids.tolist() == list("uvwxyz")
    assert read.class_names == ("cat", "dog", "owl")
    assert read.provenance["fm"] == "mine"


def test_the_fms_own_classifier_is_kept(arrays, tmp_path):
    weights = np.arange(8.0).reshape(2, 4)
    np.savez(tmp_path / "mine.npz", **arrays, classifier=weights)
    adopt(tmp_path / "mine.npz", tmp_path / "e.h5")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "e.h5").fm_classifier, weights)


def test_hdf5_with_a_group_for_every_split(arrays, tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for split, rows in (("train", slice(0, 4)), ("test", slice(4, 6))):
            for name, array in arrays.items():
                file[f"{split}/{name}"] = array[rows]
        file.attrs["class_names"] = json.dumps(["cat", "dog", "owl"])
    adopt(tmp_path / "mine.h5", tmp_path / "e.h5", split="test")
    read = read_embeddings(tmp_path / "e.h5")
    np.testing.assert_array_equal(read.x, arrays["embeddings"][4:])
    assert read.class_names == ("cat", "dog", "owl")
    assert len(set(read.ids)) == 2


def test_names_in_hdf5_may_be_bytes_of_utf8(arrays, tmp_path):
    names = ["Öwl", "jay", "tit"]
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file["class_names"] = np.char.encode(np.array(names), "utf-8")
    adopt(tmp_path / "mine.h5", tmp_path / "e.h5")
    assert read_embeddings(tmp_path / "e.h5").class_names == tuple(names)


def test_without_names_the_classes_are_numbers(arrays, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays)
    adopt(tmp_path / "mine.npz", tmp_path / "e.h5")
    assert read_embeddings(tmp_path / "e.h5").class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "no 'labels'"),
        ({"labels": np.zeros(5, int)}, "6 integers"),
        ({"labels": np.zeros(6)}, "integers"),
        ({"labels": np.array([0, 1, 2, 0, 1, -1])}, "negative"),
        ({"labels": np.array([0, 1, 2, 0, 1, 10**9])}, "1,000,000,001 classes"),
        ({"embeddings": np.zeros(6)}, r"\(N, D\)"),
        ({"embeddings": np.array([[1.0], [2], [np.nan], [4], [np.inf], [6]])}, "2 of 6.*rows 2, 4"),
        ({"embeddings": np.full((6, 2), np.nan)}, "6 of 6.*rows 0, 1, 2, 3, 4 and 1 more"),
        ({"labels": np.array(list("abcabc"))}, "number the classes 0, 1, 2"),
        ({"ids": list("uuwxyz")}, "6 different names"),
        ({"ids": np.array(7)}, "6 different names"),
        ({"ids": np.zeros((6, 1))}, "6 different names"),
        ({"class_names": ["cat", "dog", "cat"]}, "not a list of different names"),
        ({"class_names": ["cat", "dog"]}, "label 2 is beyond the 2"),
        ({"classifier": np.zeros((3, 5))}, r"'classifier' is float64 \(3, 5\), not \(C, 4\)"),
    ],
)
def test_errors_are_reported_and_nothing_is_written(arrays, tmp_path, change, message):
    content = {name: value for name, value in {**arrays, **change}.items() if value is not None}
    np.savez(tmp_path / "mine.npz", **content)
    with pytest.raises(UserError, match=message):
        adopt(tmp_path / "mine.npz", tmp_path / "e.h5")
    assert not (tmp_path / "e.h5").exists()


def test_missing_and_unreadable_files_are_reported(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        adopt(tmp_path / "mine.npz", tmp_path / "e.h5")
    (tmp_path / "mine.npz").write_bytes(b"no")
    with pytest.raises(UserError, match="cannot be read"):
        adopt(tmp_path / "mine.npz", tmp_path / "e.h5")
    with pytest.raises(UserError, match=r"\.csv"):
        adopt(tmp_path / "mine.csv", tmp_path / "e.h5")


@pytest.mark.parametrize(
    ("entries", "attributes", "message"),
    [
        ({"embeddings": None}, {}, "'embeddings' is a group"),
        ({}, {"class_names": "cat, dog"}, "'class_names' are not names"),
        ({}, {"class_names": '{"cat": 1}'}, "'class_names' are not names"),
        ({}, {"class_names": 3}, "'class_names' are not names"),
        ({}, {"provenance": "resnet18"}, "'provenance' is not a JSON mapping"),
        ({"embeddings": 1.0}, {}, r"\(N, D\)"),
    ],
)
def test_hdf5_of_another_form_is_named(arrays, tmp_path, entries, attributes, message):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for name, value in {**arrays, **entries}.items():
            if value is None:
                file.create_group(name)
            else:
                file[name] = value
        file.attrs.update(attributes)
    with pytest.raises(UserError, match=message):
        adopt(tmp_path / "mine.h5", tmp_path / "e.h5")


def test_the_number_of_classes_is_that_of_the_dataset(arrays, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays)
    adopt(tmp_path / "mine.npz", tmp_path / "e.h5", class_count=4)
    assert read_embeddings(tmp_path / "e.h5").class_names == ("0", "1", "2", "3")
    with pytest.raises(UserError, match="label 2 is beyond the 2 classes"):
        adopt(tmp_path / "mine.npz", tmp_path / "f.h5", class_count=2)
    np.savez(tmp_path / "named.npz", **arrays, class_names=["cat", "dog", "owl"])
    with pytest.raises(UserError, match=r"names 3 classes.*class_count 4"):
        adopt(tmp_path / "named.npz", tmp_path / "f.h5", class_count=4)


def test_a_file_without_groups_is_not_both_splits(arrays, tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    adopt(tmp_path / "mine.h5", tmp_path / "e.h5", split="test")
    with pytest.raises(UserError, match=r"no group 'test'.*holds one split"):
        adopt(tmp_path / "mine.h5", tmp_path / "f.h5", split="test", required=True)


def test_embeddings_without_values_are_refused(tmp_path):
    with new_hdf5(tmp_path / "e.h5") as file:
        file["embeddings"], file["labels"] = np.zeros((2, 0), np.float32), [0, 1]
        file.create_dataset("ids", data=["a", "b"], dtype=h5py.string_dtype())
        file.attrs["class_names"], file.attrs["provenance"] = '["x", "y"]', "{}"
    with pytest.raises(UserError, match="no values"):
        read_embeddings(tmp_path / "e.h5")


def test_a_split_that_is_an_array_is_named(arrays, tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["train"] = arrays["embeddings"]
    with pytest.raises(UserError, match=r"mine\.h5: 'train' is an array; a group with embeddings"):
        adopt(tmp_path / "mine.h5", tmp_path / "e.h5", split="train")


def test_given_embeddings_are_counted_without_reading_them(tmp_path):
    x = np.zeros((7, 3), np.float32)
    np.savez(tmp_path / "x.npz", embeddings=x)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["train/embeddings"] = x
    for name in ("x.npz", "x.h5"):
        assert shape_of(tmp_path / name, "train") == (7, 3)
    np.savez(tmp_path / "other.npz", labels=x)
    with pytest.raises(UserError, match=r"other\.npz has no 'embeddings' \(N, D\)"):
        shape_of(tmp_path / "other.npz", "train")
    with pytest.raises(UserError, match=r"none\.h5 does not exist"):
        shape_of(tmp_path / "none.h5", "train")
    assert shape_of(tmp_path / "x.h5", "train", required=True) == (7, 3)
    with pytest.raises(
        UserError, match=r"x\.h5 has no group 'test'; a file without groups holds one split"
    ):
        shape_of(tmp_path / "x.h5", "test", required=True)
