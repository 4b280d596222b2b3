"""Damage and edits are noticed in every kind of file before its content is used."""

import errno
import json
import os
import random

import h5py
import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from benchmarks import faults
from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.method.proxies import ProxySet
from imprint.store.array_checks import check_proxies
from imprint.store.embeddings import read_embeddings
from imprint.store.frames import read_parquet, write_parquet
from imprint.store.heads import read_head
from imprint.store.proxies import write_proxies


@pytest.mark.parametrize("make", faults.KINDS, ids=lambda make: make.__name__)
def test_flipped_bits_are_noticed_or_harmless(tmp_path, make):
    counts = faults.attack(make(tmp_path), 8, random.Random(0))
    assert not set(counts) - {"noticed", "harmless"}, counts


@pytest.fixture
def head(tmp_path):
    return faults.head(tmp_path).path


def rewritten(path, change):
    """The head after an edit of its arrays or description by a program that knows safetensors."""
    with safe_open(path, framework="numpy") as file:
        description = json.loads(file.metadata()["imprint"])
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
    change(tensors, description)
    return tensors, description


def exchanged(tensors, description):
    description["classes"] = description["classes"][::-1]


def beyond(tensors, description):
    tensors["labels"][-1] = 10**9


def unsorted(tensors, description):
    tensors["labels"][:] = tensors["labels"][::-1].copy()


def not_a_number(tensors, description):
    tensors["proxies"][0, 0] = np.nan


def shorter(tensors, description):
    tensors["labels"] = tensors["labels"][:-1].copy()


def twice(tensors, description):
    description["classes"] = ["a", "a", "b"]


def other_norm(tensors, description):
    description["configuration"].pop("norm_pre")


EDITS = [exchanged, beyond, unsorted, not_a_number, shorter, twice, other_norm]


@pytest.mark.parametrize("change", EDITS)
def test_an_edited_head_is_refused(head, change):
    tensors, description = rewritten(head, change)
    save_file(tensors, head, metadata={"imprint": json.dumps(description)})
    with pytest.raises(UserError, match=r"head\.safetensors is damaged or was edited"):
        ImprintingClassifier.load(head)


@pytest.mark.parametrize("change", EDITS[1:])
def test_a_head_without_a_seal_is_checked_all_the_same(head, change):
    tensors, description = rewritten(head, change)
    description.pop("seal")
    save_file(tensors, head, metadata={"imprint": json.dumps(description)})
    with pytest.raises(UserError, match=r"head\.safetensors: .*make it again"):
        read_head(head)


def test_metadata_that_are_no_description_are_no_head(tmp_path):
    for text in ("[]", "{", "3"):
        save_file({"proxies": np.ones((1, 1))}, tmp_path / "h.safetensors", {"imprint": text})
        with pytest.raises(UserError, match="not a head of imprint"):
            read_head(tmp_path / "h.safetensors")


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        ([1, 0], np.ones((2, 3), "f"), "ascending"),
        ([-1, 0], np.ones((2, 3), "f"), "label -1"),
        (
            [0, 5],
            np.ones((2, 3), "f"),
            "label 5 is out of range: classes count from 0 and there are 2",
        ),
        ([0, 1], np.full((2, 3), np.inf, "f"), "NaN or infinity"),
        ([0, 1], np.ones((3, 3), "f"), "proxies are"),
        ([0, 1], np.ones((2, 3), int), "not floating point"),
    ],
)
def test_invalid_proxies_are_reported(labels, values, message):
    with pytest.raises(UserError, match=message):
        check_proxies("p.h5", np.array(labels), values, None, None, classes=2)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    path = tmp_path / "s.parquet"
    write_parquet(path, pd.DataFrame({"accuracy": [0.5]}), "{}")
    monkeypatch.setattr("imprint.store.seals.open", refuse, raising=False)
    with pytest.raises(UserError) as caught:
        read_parquet(path)
    assert (
        str(caught.value) == f"{path} cannot be read: Permission denied; give this user permission"
    )


def test_an_accuracy_above_one_is_no_accuracy(tmp_path):
    write_parquet(tmp_path / "s.parquet", pd.DataFrame({"accuracy": [0.5, 1.4]}), "{}")
    with pytest.raises(UserError, match=r"s\.parquet .* accuracy 1\.4 is not between 0 and 1"):
        read_parquet(tmp_path / "s.parquet")


@pytest.mark.parametrize("texts", [["0.5", "0.7"], ["0.5", None], ["many", "0.7"]])
def test_an_accuracy_that_is_text_is_no_accuracy(tmp_path, texts):
    write_parquet(tmp_path / "s.parquet", pd.DataFrame({"accuracy": texts}), "{}")
    with pytest.raises(UserError, match=r"s\.parquet .* accuracy '(0\.5|many)' is not a number"):
        read_parquet(tmp_path / "s.parquet")


def test_a_file_under_the_path_of_another_is_reported(tmp_path):
    place = tmp_path / "embeddings/net/digits/train.h5"
    place.parent.mkdir(parents=True)
    kind = faults.embeddings(tmp_path)
    with h5py.File(kind.path, "r") as file, h5py.File(place, "w") as copy:
        for name in file:
            file.copy(name, copy)
        copy.attrs["class_names"] = file.attrs["class_names"]
        copy.attrs["provenance"] = json.dumps({"fm": "net", "dataset": "mnist", "split": "train"})
    with pytest.raises(UserError, match="another dataset: mnist, not digits"):
        read_embeddings(place)
    scores = tmp_path / "scores/net/digits/full/max.parquet"
    write_parquet(scores, pd.DataFrame({"accuracy": [1.0]}), '{"spec": {"fm": "other"}}')
    with pytest.raises(UserError, match="another fm: other, not net"):
        read_parquet(scores)


def test_labels_beyond_the_classes_are_reported(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["embeddings"], file["labels"] = np.ones((2, 2)), [0, 4]
        file["ids"], file.attrs["class_names"] = ["a", "b"], '["one"]'
        file.attrs["provenance"] = "{}"
    with pytest.raises(
        UserError, match="label 4 is out of range: classes count from 0 and there are 1"
    ):
        read_embeddings(tmp_path / "e.h5")


def test_proxies_with_descending_labels_are_refused(tmp_path):
    path = tmp_path / "p.h5"
    write_proxies(
        path, {("1", "none", 1, 0): ProxySet(np.array([1, 0]), np.ones((2, 2), "f"))}, "{}"
    )
    from imprint.store.proxies import read_proxies

    with pytest.raises(UserError, match=r"p\.h5: k1/none/seed1/draw0: labels are not in ascending"):
        read_proxies(path)
