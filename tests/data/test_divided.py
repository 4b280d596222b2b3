"""Splits are known by the names of files and folders, and classes whose names look alike are refused."""

from pathlib import Path

import numpy as np
import pytest

from imprint.data import sources
from imprint.data.divided import by_split, numbers_of
from imprint.errors import UserError


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("train-0.tar", "train"),
        ("test0001.tar", "test"),
        ("birds-test-0.tar", "test"),
        ("birds_Train_0.tar", "train"),
        ("Validation/0.tar", "validation"),
        ("valid-0.tar", "val"),
        ("testing/train-0.tar", "test"),
        ("testset-0.tar", "test"),
        ("birds-testdata/0.tar", "test"),
        ("testA/0.tar", "test"),
        ("valley-1.tar", "train"),
        ("vale/testy.tar", "train"),
        ("trainees/contest.tar", "train"),
    ],
)
def test_a_word_of_a_file_or_its_folder_names_its_split(file, split):
    assert by_split([Path("top", file)], Path("top")) == {split: [Path("top", file)]}


@pytest.mark.parametrize("other", [" cat", "cat ", "the  cat", "cafe\u0301"])
def test_names_of_classes_that_look_alike_are_refused(tmp_path, other):
    names = ["cat", "the cat", "caf\u00e9", other]
    with pytest.raises(UserError, match="differ only in blanks or in the Unicode form"):
        numbers_of(np.array(names))
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match="differ only in blanks or in the Unicode form"):
        sources.prepare("imagefolder", {"path": str(tmp_path)}, tmp_path.parent / "prepared")


def test_names_of_classes_may_differ_in_the_case_of_letters():
    assert numbers_of(np.array(["a", "A", "b"]))[1] == ("A", "a", "b")
