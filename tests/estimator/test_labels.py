"""Labels as users pass them, and as a head stores them."""

import numpy as np
import pandas as pd
import pytest

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.estimator.labels import (
    as_labels,
    check_targets,
    checked_labels,
    class_numbers,
    plain_labels,
)
from imprint.formatting import listed


def test_a_list_of_labels_lacks_none():
    assert checked_labels([1, 2.5, np.int64(3)]) == [1, 2.5, 3]
    with pytest.raises(UserError, match=r"y: 2 of 3 labels are missing \(number 0, 2, from 0\)"):
        checked_labels([None, "a", float("nan")])
    with pytest.raises(UserError, match=r"y: 1 of 2 labels are missing \(number 1, from 0\)"):
        checked_labels(np.array(["a", None], object))
    for kind in (object, "string", "category"):
        with pytest.raises(UserError, match=r"y: 1 of 2 labels are missing \(number 1, from 0\)"):
            checked_labels(pd.Series(["a", pd.NA], dtype=kind))
    with pytest.raises(UserError, match=r"y: 1 of 2 labels are missing \(number 0, from 0\)"):
        checked_labels([pd.NA, 3])
    for labels in (["a", 3], [3, "a"]):
        for check in (checked_labels, lambda labels: check_targets(np.array(labels, object))):
            with pytest.raises(UserError, match="of different types, int and str, have no order"):
                check(labels)
    with pytest.raises(UserError, match="labels are bytes; make them texts"):
        check_targets(np.array([b"a", b"b"]))
    check_targets(np.arange(60))  # one sample of each class is no regression
    rows = [np.array([1, 0]), np.array([0, 1])]  # wrong, but not missing
    assert checked_labels(rows) is rows


@pytest.mark.parametrize(
    ("classes", "names", "labels"),
    [
        (["owl"], ["owl", "longer"], ["owl", "longer"]),
        ([0, 1], ["1", "-3"], [1, -3]),
        ([0.0, 0.5], ["0", "0.5", "2"], [0.0, 0.5, 2.0]),
        (np.array([0, 0.5], np.float32), ["0", "2"], [0.0, 2.0]),
        (np.array([0, 0.5], np.float32), ["0.1"], [float(np.float32(0.1))]),
        (np.array([0, 0.5], np.float32), ["0.10000000149011612"], [float(np.float32(0.1))]),
        ([True, False], ["True"], [True]),
        (np.array(["a", 1], object), ["1", "b"], [1, "b"]),
    ],
)
def test_class_names_are_labels_of_the_type_of_a_head(classes, names, labels):
    given = as_labels(np.array(names), np.array(classes)).tolist()
    assert given == labels and list(map(type, given)) == list(map(type, labels))


@pytest.mark.parametrize("classes", [[0, 1], [0.5, 1.5], [True, False], np.array([1], np.uint8)])
def test_a_name_that_is_no_number_is_no_label_of_a_head_of_numbers(classes):
    with pytest.raises(UserError, match="which owl cannot be; rename the new classes"):
        as_labels(np.array(["owl"]), np.array(classes))


def test_a_number_that_the_type_of_a_head_cannot_hold_is_no_label():
    with pytest.raises(UserError, match="which 2049 cannot be; rename the new classes"):
        as_labels(np.array(["2049"]), np.array([0, 7], np.float16))


@pytest.mark.parametrize("name", ["07", "1_0", "7.0"])
def test_another_spelling_of_a_number_is_not_a_label_of_a_head_of_numbers(name):
    with pytest.raises(UserError, match=f"which {name} cannot be; rename the new classes"):
        as_labels(np.array([name]), np.array([0, 7, 10]))


def test_labels_are_numbered_by_classes_in_any_order():
    numbers = class_numbers(np.array(["wren", "owl"]), np.array(["owl", "crow", "wren"]))
    assert numbers.tolist() == [1, -1, 0]


def test_json_holds_numbers_and_text_alone():
    assert plain_labels(np.array(["a", "b"]), "save") == ["a", "b"]
    with pytest.raises(UserError, match="save: JSON cannot hold labels of type tuple"):
        plain_labels(np.array([(1, 2), None], object)[:1], "save")


def test_a_message_names_five_labels():
    assert listed(np.arange(5)) == "0, 1, 2, 3, 4"
    assert listed(np.arange(6)) == "0, 1, 2, 3, 4 and 1 more"


def test_labels_of_nullable_types_of_pandas_stay_what_they_are():
    x, y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 4
    ids = pd.Series(2**60 + y, dtype="Int64")
    head = ImprintingClassifier(method="qi").fit(x, ids)
    assert head.classes_.tolist() == [2**60 + i for i in range(4)]
    assert (
        ImprintingClassifier(method="qi").fit(x, pd.Series(y > 1, dtype="boolean")).classes_.dtype
        == bool
    )
    with pytest.raises(UserError, match="1 of 40 labels are missing"):
        ImprintingClassifier(method="qi").fit(x, ids.where(ids.index != 3))


@pytest.mark.parametrize("kind", [float, np.uint64, np.uint8])
def test_integer_classes_stay_integers_when_samples_have_numbers_of_another_type(kind):
    x, y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 4
    head = ImprintingClassifier(method="qi").fit(x, y)
    head.partial_fit(x + 1, y.astype(kind)).add_classes(x[:2] - 1, np.array([8, 9], kind))
    assert head.classes_.tolist() == [0, 1, 2, 3, 8, 9] and head.classes_.dtype == int
    assert head.class_counts_.tolist() == [20, 20, 20, 20, 1, 1]


def test_integers_that_a_head_cannot_hold_are_refused():
    x, y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 4
    head = ImprintingClassifier(method="qi").fit(x, 2**60 + y)
    assert head.partial_fit(x, (2**60 + y).astype(np.uint64)).class_counts_.tolist() == [20] * 4
    with pytest.raises(UserError, match="no integers hold both"):
        head.add_classes(x, 2**63 + y.astype(np.uint64))
