"""Arrays on disk give what arrays in memory give."""

import errno
import os

import h5py
import numpy as np
import pytest

from imprint.data.pools import Pool, pool
from imprint.errors import UserError
from imprint.method import class_sums, large_arrays, sums
from imprint.method.configuration import Configuration, Fixed, Scoring
from imprint.method.large_arrays import by_rows, new_array, take_rows
from imprint.store.embeddings import read_embeddings
from imprint.store.given_embeddings import adopt
from imprint.study.jobs.collapse import measure_collapse
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score

CLASSES, WIDTH = 4, 6
TASK = {"task": "all", "family": "all", "d": None, "datasets": ["data"], "shots": "full"}


@pytest.fixture
def everything_is_large(monkeypatch):
    """Arrays of a few rows lie on disk, and blocks are of a few rows."""
    monkeypatch.setattr(large_arrays, "LARGE", 64)
    monkeypatch.setattr(large_arrays, "BLOCK_BYTES", 200)
    monkeypatch.setattr(sums, "COMPILED", 1)
    monkeypatch.setattr(class_sums, "MOST_ROOT_VALUES", 10)


def is_on_disk(x: np.ndarray) -> bool:
    while x is not None and not isinstance(x, np.memmap):
        x = getattr(x, "base", None)
    return x is not None


@pytest.fixture
def split(tmp_path):
    """The file of a split of embeddings."""
    rng = np.random.default_rng(5)
    y = np.arange(80) % CLASSES
    x = (rng.normal(size=(80, WIDTH)) + 2 * np.eye(CLASSES, WIDTH)[y]).astype(np.float32)
    np.savez(tmp_path / "given.npz", embeddings=x, labels=y)
    adopt(tmp_path / "given.npz", tmp_path / "split.h5")
    return tmp_path / "split.h5"


def study_of(samples: Pool, draws: list) -> tuple[list, list]:
    """The accuracies of some methods and the neural collapse of a task, trained and tested on the same samples."""
    spec = {**TASK, "draws": draws}
    scored = []
    for gen, k, post in (
        ("mean", 1, "whiten+l2"),
        ("kmeans", 3, "l2"),
        ("minibatch_kmeans", 3, "l2"),
        ("ridge", 1, "none"),
        ("ls", 1, "none"),
        ("random", 2, "l2"),
    ):
        method = Configuration("l2", gen, Fixed(k), Scoring(post, "l2", "max", "inner_product"))
        of_gen = {**spec, "gen": gen, "ls_lambda": 1e-2, "seeds": {method.k.label: {"l2": [7]}}}
        sets, _ = make_proxies(samples, of_gen, threads=2)
        cells = [{**method.as_dict(), "seeds": [7]}]
        frame, _, _ = score(samples, samples, {gen: sets}, {**spec, "fm": "fm", "cells": cells})
        scored += frame["accuracy"].tolist()
    frame, _ = measure_collapse(samples, samples, {**spec, "fm": "fm"})
    return scored, frame["nc1"].tolist()


@pytest.mark.parametrize("draws", [[None], [[[0, 1], [2, 3]]]], ids=["all classes", "united"])
def test_a_study_on_arrays_on_disk_has_the_results_of_one_in_memory(
    split, everything_is_large, monkeypatch, draws
):
    samples = pool([read_embeddings(split)])
    assert is_on_disk(samples.x)
    on_disk = study_of(samples, draws)
    monkeypatch.undo()
    samples = pool([read_embeddings(split)])
    assert not is_on_disk(samples.x)
    in_memory = study_of(samples, draws)
    np.testing.assert_allclose(on_disk[0], in_memory[0], atol=1e-6)
    np.testing.assert_allclose(on_disk[1], in_memory[1], rtol=1e-4)


def test_large_embeddings_of_others_are_taken_in_as_they_are(split, everything_is_large, tmp_path):
    with h5py.File(split) as file, h5py.File(tmp_path / "chunks.h5", "w") as other:
        x = file["embeddings"][:]
        other.create_dataset("embeddings", data=x.astype(np.float64), chunks=(7, WIDTH))
        other["labels"] = file["labels"][:]
    adopt(tmp_path / "chunks.h5", tmp_path / "again.h5")
    again = read_embeddings(tmp_path / "again.h5")
    assert is_on_disk(again.x)
    np.testing.assert_array_equal(again.x, x)
    x[17] = np.nan
    with h5py.File(tmp_path / "chunks.h5", "r+") as other:
        other["embeddings"][...] = x
    with pytest.raises(UserError, match="1 of 80 embeddings hold NaN or infinity: rows 17"):
        adopt(tmp_path / "chunks.h5", tmp_path / "again.h5")


def test_datasets_join_on_disk(split, everything_is_large):
    one = read_embeddings(split)
    joined = pool([one, one])
    assert is_on_disk(joined.x)
    np.testing.assert_array_equal(joined.x, np.concatenate([one.x, one.x]))


def test_rows_and_maps_of_large_arrays(everything_is_large):
    x = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    rows = np.arange(0, 50, 2)
    np.testing.assert_array_equal(take_rows(x, rows), x[rows])
    narrow = by_rows(lambda rows: rows[:, :2] * 2, x)
    np.testing.assert_array_equal(narrow, x[:, :2] * 2)
    assert is_on_disk(narrow)


def test_a_full_disk_is_reported_at_once(everything_is_large, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"no room for an array of 400 B \(No space left.*TMPDIR"):
        new_array((10, 10))
