"""Fits of classes serve every task that has the class, and never one with other samples or other code."""

import numpy as np
import pytest

from imprint.data.pools import Pool
from imprint.method.generate import GENERATORS, generator
from imprint.store.class_fits import ClassFits, class_fits_folder, contents
from imprint.study.jobs.proxies import make_proxies

RANDOM = np.random.default_rng(0)
TRAIN = Pool(RANDOM.normal(size=(90, 5)).astype(np.float32), np.arange(90) % 3, 3)
ALL, TWO = None, [[2], [0]]


def proxies(results, gen, groups=ALL, train=TRAIN, code="", norms=("none", "l2"), shots="full"):
    """The sets of one task; results: where fits are stored, if they are."""
    seeded = GENERATORS.find(gen).seeded or shots != "full"
    seeds = dict.fromkeys(norms, [1, 2] if seeded else [None])
    spec = {"task": "t", "draws": [groups], "shots": shots, "gen": gen}
    spec["seeds"] = {"2": seeds, "3": seeds}
    stored = ClassFits(class_fits_folder(results), gen, code) if results else None
    return make_proxies(train, spec, code=code, stored=stored)[0]


def assert_same(sets, others):
    assert set(sets) == set(others)
    for name, proxies in sets.items():
        np.testing.assert_array_equal(proxies.labels, others[name].labels)
        np.testing.assert_array_equal(proxies.matrix(TRAIN.x), others[name].matrix(TRAIN.x))


@pytest.fixture
def fits():
    """How often a GEN that shares fits was asked for the proxies of a class."""
    calls = []

    @generator("first", shares_fits=True)
    def first(x, k, random, shared):
        calls.append(k)
        return x[:k]

    yield calls
    GENERATORS.remove("first")


@pytest.mark.parametrize("gen", ["kmeans", "kmedoids", "random"])
def test_tasks_with_common_classes_have_the_proxies_that_each_has_alone(gen, tmp_path):
    assert_same(proxies(tmp_path, gen), proxies(None, gen))
    assert_same(proxies(tmp_path, gen, TWO), proxies(None, gen, TWO))
    united = [[1, 2], [0]]
    assert_same(proxies(tmp_path, gen, united), proxies(None, gen, united))


def test_a_class_is_fitted_once_for_all_tasks(fits, tmp_path):
    proxies(tmp_path, "first")
    assert len(fits) == 3 * 2 * 2, "classes, k and NORMpre"
    proxies(tmp_path, "first", TWO)
    assert len(fits) == 12
    proxies(tmp_path, "first", norms=["none", "center"])
    assert len(fits) == 18, "the mean of a training set is that of all its classes"


def test_other_samples_and_other_code_are_fitted_anew(fits, tmp_path):
    proxies(tmp_path, "first", norms=["none"])
    moved = TRAIN.x.copy()
    moved[3] += 1  # of class 0
    other = Pool(moved, TRAIN.y, 3)
    assert_same(
        proxies(tmp_path, "first", train=other, norms=["none"]),
        proxies(None, "first", train=other, norms=["none"]),
    )
    assert len(fits) == 6 + 2 + 6, "class 0 with two k, and all where nothing is stored"
    proxies(tmp_path, "first", code="edited", norms=["none"])
    assert len(fits) == 20


def test_a_damaged_file_is_not_used(fits, tmp_path, caplog):
    alone = proxies(tmp_path, "first", norms=["none"])
    files = [content.path for content in contents(tmp_path)]
    assert len(files) == 3
    content = bytearray(files[0].read_bytes())
    content[-1] ^= 1
    files[0].write_bytes(content)
    files[1].write_bytes(b"")
    assert_same(proxies(tmp_path, "first", norms=["none"]), alone)
    assert len(fits) == 6 + 4
    assert str(files[0]) in caplog.text
    proxies(tmp_path, "first", norms=["none"])
    assert len(fits) == 10, "the files are whole again"


def test_few_shots_have_classes_of_their_own(fits, tmp_path):
    proxies(tmp_path, "first", shots="4")
    assert not list(contents(tmp_path))


def test_what_cannot_be_stored_is_made_all_the_same(tmp_path, caplog):
    class_fits_folder(tmp_path).parent.mkdir()
    class_fits_folder(tmp_path).write_text("a file in place of the folder")
    assert_same(proxies(tmp_path, "kmeans"), proxies(None, "kmeans"))
    assert "cannot be stored" in caplog.text
