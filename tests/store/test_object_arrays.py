"""Arrays of objects in NPZ files: texts and numbers are read, and no code runs."""

import os
from pathlib import Path

import numpy as np
import pytest

from imprint.store.object_arrays import read_array


class Touches:
    """An object whose pickle makes a file when it is read."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def saved(values):
    array = np.empty(len(values), object)
    array[:] = values
    np.save("array.npy", array)
    with Path("array.npy").open("rb") as file:
        return read_array(file)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "values", [["a", "b"], [1, 2], [np.str_("a"), np.int64(3)], [None, 1.5], []]
)
def test_texts_and_numbers_are_read(values):
    assert saved(values).tolist() == values


@pytest.mark.parametrize("value", [Touches(), Path("x"), print])
def test_other_objects_are_refused_before_anything_runs(folder, value):
    with pytest.raises(ValueError, match="texts and numbers are read"):
        saved([value])
    assert not (folder / "ran").exists()


def test_plain_arrays_are_read_as_numpy_does():
    np.save("plain.npy", np.arange(6).reshape(2, 3))
    with Path("plain.npy").open("rb") as file:
        assert read_array(file).tolist() == [[0, 1, 2], [3, 4, 5]]
