"""Blocks of work kept from run to run: what is computed and what is not, and that the results are the same."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import suppress

import h5py
import numpy as np
import pandas as pd
import pytest

from imprint.data.pools import Pool, pool
from imprint.method.configuration import Configuration, Scoring, parse_k
from imprint.store.block_cache import (
    Blocks,
    block_key,
    blocks_file,
    contents,
    digest,
    open_blocks,
    prune,
)
from imprint.store.embeddings import read_embeddings
from imprint.store.given_embeddings import adopt
from imprint.study.jobs import scores as scoring
from imprint.study.jobs.collapse import measure_collapse
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score

RNG = np.random.default_rng(0)
Y = np.arange(60) % 4
TRAIN = Pool(
    RNG.normal(size=(60, 5)).astype(np.float32), Y, 4, RNG.normal(size=(9, 5)).astype(np.float32)
)
TEST = Pool(RNG.normal(size=(60, 5)).astype(np.float32), Y, 4)
TASK = {
    "task": "t",
    "family": "t",
    "d": None,
    "datasets": ["data"],
    "draws": [None],
    "shots": "full",
}
CELLS = [
    Configuration(pre, gen, parse_k(k), Scoring(post, inf, agg, distance, weighting, m))
    for pre, inf in (("none", "none"), ("none", "l2"), ("l2", "l2"))
    for gen, k in (("kmeans", 2), ("all", "all"))
    for post in ("none", "quantile_fm")
    for agg, distance, weighting, m in (
        ("max", "inner_product", None, None),
        ("mnn", "cosine", "distance", 3),
        ("mnn", "cosine", "distance", 5),
    )
]


def generated(gen, k, seeds=(1, 2), blocks=None, task=TASK, train=TRAIN, code=""):
    seeds = list(seeds) if gen == "kmeans" else [None]
    spec = {**task, "gen": gen, "seeds": {str(k): {"none": seeds, "l2": seeds}}}
    return make_proxies(train, spec, blocks=blocks, code=code)


def scored(cells=CELLS, blocks=None, seeds=(1, 2), train=TRAIN, test=TEST, code="", **spec):
    sets = {"kmeans": generated("kmeans", 2)[0], "all": generated("all", "all")[0]}
    spec = {
        **TASK,
        "fm": "net",
        "cells": [{**c.as_dict(), "seeds": list(seeds)} for c in cells],
        **spec,
    }
    table, _, work = score(train, test, sets, spec, blocks=blocks, code=code)
    return table.drop(columns="seconds"), work


def test_a_second_time_everything_is_kept_and_the_same(tmp_path):
    with open_blocks(tmp_path / "p.blocks") as blocks:
        first, work = generated("kmeans", 2, blocks=blocks)
        assert (work.requested, work.computed) == (4, 4)
    with open_blocks(tmp_path / "p.blocks") as blocks:
        again, work = generated("kmeans", 2, blocks=blocks)
        assert (work.requested, work.computed) == (4, 0)
    for name, proxies in first.items():
        np.testing.assert_array_equal(proxies.values, again[name].values)
        assert proxies.seconds == again[name].seconds
    plain, _ = scored()
    for computed in (len(CELLS) * 2, 0):
        with open_blocks(tmp_path / "s.blocks") as blocks:
            table, work = scored(blocks=blocks)
        assert work.computed == computed
        pd.testing.assert_frame_equal(table, plain)


def test_what_is_added_is_computed_and_nothing_else(tmp_path):
    with open_blocks(tmp_path / "s.blocks") as blocks:
        part, work = scored([c for c in CELLS if c.scoring.m != 5], blocks, seeds=[1])
    assert (work.requested, work.computed) == (24, 24)
    with open_blocks(tmp_path / "s.blocks") as blocks:
        _, work = scored([c for c in CELLS if c.scoring.m != 5], blocks, seeds=[1, 2])
    # the set of `all` is one for all seeds: its scores are there
    assert (work.requested, work.computed) == (48, 12)
    with open_blocks(tmp_path / "s.blocks") as blocks:
        table, work = scored(CELLS, blocks)
    assert (work.requested, work.computed) == (72, 24)
    pd.testing.assert_frame_equal(table, scored()[0])
    with open_blocks(tmp_path / "s.blocks") as blocks:
        table, work = scored([c for c in CELLS if c.scoring.m != 5], blocks, seeds=[1])
    assert work.computed == 0
    pd.testing.assert_frame_equal(table, part)
    with open_blocks(tmp_path / "p.blocks") as blocks:
        generated("kmeans", 2, [1], blocks)
        assert generated("kmeans", 2, [1, 3], blocks)[1].computed == 2
        generated("all", "all", [1], blocks)
        assert generated("all", "all", [1, 2], blocks)[1].computed == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"code": "other"},
        {"test": Pool(TEST.x[::-1], Y, 4)},
        {"test": Pool(TEST.x, Y[::-1].copy(), 4)},
        {"draws": [[[1], [0], [2], [3]]]},
        {"per_class": True},
    ],
)
def test_nothing_is_kept_of_other_data_or_code(changed):
    blocks = Blocks()
    scored(blocks=blocks)
    table, work = scored(blocks=blocks, **changed)
    assert work.computed == work.requested
    pd.testing.assert_frame_equal(table, scored(**changed)[0])


def test_other_samples_and_another_classifier_change_the_key_where_they_matter():
    blocks = Blocks()
    scored(blocks=blocks)
    # proxies that are samples are other proxies in another pool, those of kmeans are given by value
    _, work = scored(blocks=blocks, train=Pool(TRAIN.x + 1, Y, 4, TRAIN.fm_classifier))
    assert work.computed == work.requested / 2
    _, work = scored(blocks=blocks, train=Pool(TRAIN.x, Y, 4, TRAIN.fm_classifier + 1))
    assert work.computed == work.requested / 2


def test_proxies_depend_on_all_that_made_them():
    blocks = Blocks()
    generated("kmeans", 2, blocks=blocks)
    for changed in (
        {"task": {**TASK, "draws": [[[0], [1]]]}},
        {"task": {**TASK, "shots": "5"}},
        {"train": TEST},
        {"code": "other"},
    ):
        work = generated("kmeans", 2, blocks=blocks, **changed)[1]
        assert work.computed == work.requested, changed
    assert generated("kmeans", 3, blocks=blocks)[1].computed == 4
    spec = {**TASK, "gen": "kls", "seeds": {"2": {"none": [1]}}, "ls_lambda": 0.1}
    assert make_proxies(TRAIN, spec, generated("kmeans", 2)[0], blocks=blocks)[1].computed == 1
    assert make_proxies(TRAIN, spec, generated("kmeans", 2)[0], blocks=blocks)[1].computed == 0
    assert make_proxies(TRAIN, spec | {"ls_lambda": 0.2}, generated("kmeans", 2)[0], blocks=blocks)[
        1
    ].computed
    other = generated("kmeans", 2, train=TEST)[0]
    assert make_proxies(TRAIN, spec, other, blocks=blocks)[1].computed == 1


def test_a_further_k_computes_its_own_sets_alone():
    blocks = Blocks()
    generated("kmeans", 2, blocks=blocks)
    seeds = {"none": [1, 2], "l2": [1, 2]}
    sets, work = make_proxies(
        TRAIN, {**TASK, "gen": "kmeans", "seeds": {"2": seeds, "3": seeds}}, blocks=blocks
    )
    assert (work.requested, work.computed) == (8, 4)
    for (k, *rest), proxies in sets.items():
        alone = generated("kmeans", int(k))[0]
        np.testing.assert_array_equal(proxies.values, alone[k, *rest].values)


def test_collapse_is_kept_by_draw_and_split(tmp_path):
    def spec(*draws):
        return {**TASK, "fm": "net", "draws": list(draws)}

    both = [[0], [1]], [[2], [3]]
    with open_blocks(tmp_path / "c.blocks") as blocks:
        one, _ = measure_collapse(TRAIN, TEST, spec([[0], [1]]), blocks)
    with open_blocks(tmp_path / "c.blocks") as blocks:
        two, work = measure_collapse(TRAIN, TEST, spec(*both), blocks)
        other = Pool(TEST.x + 1, TEST.y, 4)
        _, of_other = measure_collapse(TRAIN, other, spec(*both), blocks)
    assert (work.requested, work.computed) == (4, 2)
    assert (of_other.requested, of_other.computed) == (4, 2), "training embeddings are the same"
    pd.testing.assert_frame_equal(two[two["draw"] == 0].reset_index(drop=True), one)
    pd.testing.assert_frame_equal(two, measure_collapse(TRAIN, TEST, spec(*both))[0])


def test_an_interrupted_job_keeps_what_it_finished(tmp_path, monkeypatch):
    real, left = scoring.scores, [30]

    def interrupted(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(scoring, "scores", interrupted)
    with pytest.raises(KeyboardInterrupt), open_blocks(tmp_path / "s.blocks") as blocks:
        scored(blocks=blocks)
    monkeypatch.undo()
    with open_blocks(tmp_path / "s.blocks") as blocks:
        table, work = scored(blocks=blocks)
    assert 0 < work.computed < work.requested
    pd.testing.assert_frame_equal(table, scored()[0])


def test_a_killed_process_leaves_whole_blocks(tmp_path):
    program = textwrap.dedent("""
        import os, sys
        from imprint.store import block_cache
        block_cache.COMMIT_SECONDS = 0
        with block_cache.open_blocks(sys.argv[1]) as stored:
            for i in range(10**9):
                stored.put(block_cache.block_key(i), str(i).encode() * 1000)
                if i == 200:
                    print("going", flush=True)
        """)
    running = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "k.blocks")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "going\n"
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    with open_blocks(tmp_path / "k.blocks") as blocks:
        assert all(blocks.get(block_key(i)) == str(i).encode() * 1000 for i in range(200))


def test_a_damaged_block_or_file_is_made_anew(tmp_path, caplog):
    path = tmp_path / "cache" / "k.blocks"
    with open_blocks(path) as blocks:
        blocks.put(block_key(1), b"whole")
    with sqlite3.connect(path) as file:
        file.execute("UPDATE blocks SET value = ?", (b"whale",))
    file.close()
    with open_blocks(path) as blocks:
        assert blocks.get(block_key(1)) is None
        blocks.put(block_key(1), b"whole")
    with open_blocks(path) as blocks:
        assert blocks.get(block_key(1)) == b"whole"
    for damage in (b"no database at all" * 100, path.read_bytes()[:5000]):
        path.write_bytes(damage)
        caplog.clear()
        (content,) = contents(tmp_path)
        assert content.blocks == 0 and "if it is damaged, its job replaces it" in caplog.text
        with open_blocks(path) as blocks:
            assert blocks.get(block_key(1)) is None
            blocks.put(block_key(1), b"whole")
    with open_blocks(path) as blocks:
        assert blocks.get(block_key(1)) == b"whole"
    assert "it is replaced" in caplog.text


def test_without_a_place_to_keep_it_in_the_work_is_done(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with open_blocks(tmp_path / "file" / "s.blocks") as blocks:
        table, _ = scored(blocks=blocks)
    assert "cannot be stored" in caplog.text
    pd.testing.assert_frame_equal(table, scored()[0])


def test_a_file_that_fails_half_way_fails_no_job(tmp_path, caplog):
    with open_blocks(tmp_path / "s.blocks") as blocks:
        blocks.put(block_key(0), b"0")
        blocks.commit()
        blocks.file.execute("DROP TABLE blocks")
        table, _ = scored(blocks=blocks)
    assert "cannot be stored from here on" in caplog.text
    pd.testing.assert_frame_equal(table, scored()[0])


def test_a_file_that_may_not_be_written_is_read(tmp_path, monkeypatch, caplog):
    """As those of another user who shares results."""
    path = tmp_path / "a.blocks"
    with open_blocks(path) as blocks:
        blocks.put(b"old", b"1")

    def read_only(path, timeout):
        return connect(f"file:{path}?mode=ro", uri=True, timeout=timeout)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", read_only)
    with open_blocks(path) as blocks:
        blocks.put(b"new", b"2")
        blocks.commit()
        assert blocks.get(b"old") == b"1" and blocks.get(b"new") == b"2"
    assert caplog.messages == [
        "finished blocks cannot be stored from here on: attempt to write a readonly database"
    ]


def test_a_new_file_has_the_permissions_of_other_files(tmp_path):
    before = os.umask(0o002)
    try:
        with open_blocks(tmp_path / "a.blocks") as blocks:
            blocks.put(b"key", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "a.blocks").stat().st_mode & 0o777 == 0o664


def test_what_the_last_run_did_not_use_can_be_pruned(tmp_path, monkeypatch):
    path = blocks_file(tmp_path, tmp_path / "scores" / "net" / "max.parquet")
    assert path == tmp_path / "cache" / "scores" / "net" / "max.blocks"
    for now, names in ((1000, range(100)), (2000, range(10))):
        monkeypatch.setattr("time.time", lambda now=now: now)
        with open_blocks(path) as blocks:
            for i in names:
                if blocks.get(block_key(i)) is None:
                    blocks.put(block_key(i), b"x" * 1000)
    (content,) = contents(tmp_path)
    assert (content.path, content.blocks, content.unused) == (path, 100, 90)
    assert prune(content, needed=True) > 50_000
    (content,) = contents(tmp_path)
    assert (content.blocks, content.unused) == (10, 0)
    with open_blocks(path) as blocks:
        assert blocks.get(block_key(5)) == b"x" * 1000
        assert blocks.get(block_key(50)) is None
    assert prune(content, needed=False) == content.size
    assert list(contents(tmp_path)) == []


def test_the_blocks_of_a_run_that_was_stopped_are_not_unused(tmp_path, monkeypatch):
    path = blocks_file(tmp_path, tmp_path / "max.parquet")

    def run(now, names, ends=True):
        monkeypatch.setattr("time.time", lambda: now)
        with suppress(InterruptedError), open_blocks(path) as blocks:
            for i in names:
                if blocks.get(block_key(i)) is None:
                    blocks.put(block_key(i), b"x")
                    blocks.commit()
            if not ends:
                raise InterruptedError
        (content,) = contents(tmp_path)
        return content.blocks, content.unused

    assert run(1000, range(5)) == (5, 0)
    assert run(2000, range(3, 9), ends=False) == (9, 0), (
        "those of before may be wanted when it goes on"
    )
    assert run(3000, range(4, 7)) == (9, 6)


def test_what_embeddings_hold_is_known_from_their_file(tmp_path):
    def adopted(x):
        np.savez(tmp_path / "x.npz", embeddings=x, labels=Y)
        adopt(tmp_path / "x.npz", tmp_path / "x.h5")
        return tmp_path / "x.h5"

    assert pool([read_embeddings(adopted(TRAIN.x))]).content == digest(TRAIN.x)
    with h5py.File(adopted(TRAIN.x), "r+") as file:  # by a program that knows no seals
        del file.attrs["seal"]
        file["embeddings"][0] += 1
    edited = read_embeddings(tmp_path / "x.h5")
    assert pool([edited]).content == digest(edited.x) != digest(TRAIN.x)
    both = [read_embeddings(adopted(x)) for x in (TRAIN.x, TEST.x)]
    assert pool(both).content != pool(both[::-1]).content
