"""Blocks of work kept from run to run: what is computed and what is not, and that the results are the same."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from imprint import evaluate
from imprint.data.tasks import Pool
from imprint.grid.collapse import measure_collapse
from imprint.grid.proxies import make_proxies
from imprint.grid.scores import score
from imprint.kept import Kept, contents, keeping, key, place, prune
from imprint.method import Configuration

RNG = np.random.default_rng(0)
Y = np.arange(60) % 4
TRAIN = Pool(RNG.normal(size=(60, 5)).astype(np.float32), Y, 4, RNG.normal(size=(9, 5)).astype(np.float32))
TEST = Pool(RNG.normal(size=(60, 5)).astype(np.float32), Y, 4)
TASK = {"task": "t", "family": "t", "d": None, "draws": [None], "shots": "full"}
CELLS = [
    Configuration(pre, gen, k, post, inf, agg, distance, weighting, m)
    for pre, inf in (("none", "none"), ("none", "l2"), ("l2", "l2"))
    for gen, k in (("kmeans", 2), ("all", None))
    for post in ("none", "quantile_fm")
    for agg, distance, weighting, m in (
        ("max", "inner_product", None, None),
        ("mnn", "cosine", "distance", 3),
        ("mnn", "cosine", "distance", 5),
    )
]


def generated(gen, k, seeds=(1, 2), kept=None, task=TASK, train=TRAIN, code=""):
    seeds = list(seeds) if gen == "kmeans" else [None]
    spec = {**task, "gen": gen, "k": k, "seeds": {"none": seeds, "l2": seeds}}
    return make_proxies(train, spec, kept=kept, code=code)


def scored(cells=CELLS, kept=None, seeds=(1, 2), train=TRAIN, test=TEST, code="", **spec):
    sets = {("kmeans", 2): generated("kmeans", 2)[0], ("all", None): generated("all", None)[0]}
    spec = {**TASK, "fm": "net", "cells": [[*c, list(seeds)] for c in cells], **spec}
    table, _, work = score(train, test, sets, spec, kept=kept, code=code)
    return table.drop(columns="seconds"), work


def test_a_second_time_everything_is_kept_and_the_same(tmp_path):
    with keeping(tmp_path / "p.blocks") as kept:
        first, work = generated("kmeans", 2, kept=kept)
        assert (work.wanted, work.computed) == (4, 4)
    with keeping(tmp_path / "p.blocks") as kept:
        again, work = generated("kmeans", 2, kept=kept)
        assert (work.wanted, work.computed) == (4, 0)
    for name, made in first.items():
        np.testing.assert_array_equal(made.values, again[name].values)
        assert made.seconds == again[name].seconds
    plain, _ = scored()
    for computed in (len(CELLS) * 2, 0):
        with keeping(tmp_path / "s.blocks") as kept:
            table, work = scored(kept=kept)
        assert work.computed == computed
        pd.testing.assert_frame_equal(table, plain)


def test_what_is_added_is_computed_and_nothing_else(tmp_path):
    with keeping(tmp_path / "s.blocks") as kept:
        part, work = scored([c for c in CELLS if c.m != 5], kept, seeds=[1])
    assert (work.wanted, work.computed) == (24, 24)
    with keeping(tmp_path / "s.blocks") as kept:
        _, work = scored([c for c in CELLS if c.m != 5], kept, seeds=[1, 2])
    # the set of `all` is one for all seeds: its scores are there
    assert (work.wanted, work.computed) == (48, 12)
    with keeping(tmp_path / "s.blocks") as kept:
        table, work = scored(CELLS, kept)
    assert (work.wanted, work.computed) == (72, 24)
    pd.testing.assert_frame_equal(table, scored()[0])
    with keeping(tmp_path / "s.blocks") as kept:
        table, work = scored([c for c in CELLS if c.m != 5], kept, seeds=[1])
    assert work.computed == 0
    pd.testing.assert_frame_equal(table, part)
    with keeping(tmp_path / "p.blocks") as kept:
        generated("kmeans", 2, [1], kept)
        assert generated("kmeans", 2, [1, 3], kept)[1].computed == 2
        generated("all", None, [1], kept)
        assert generated("all", None, [1, 2], kept)[1].computed == 0


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
    kept = Kept()
    scored(kept=kept)
    table, work = scored(kept=kept, **changed)
    assert work.computed == work.wanted
    pd.testing.assert_frame_equal(table, scored(**changed)[0])


def test_other_samples_and_another_head_are_told_apart_where_they_matter():
    kept = Kept()
    scored(kept=kept)
    # proxies that are samples are other proxies in another pool, those of kmeans are given by value
    _, work = scored(kept=kept, train=Pool(TRAIN.x + 1, Y, 4, TRAIN.head))
    assert work.computed == work.wanted / 2
    _, work = scored(kept=kept, train=Pool(TRAIN.x, Y, 4, TRAIN.head + 1))
    assert work.computed == work.wanted / 2


def test_proxies_depend_on_all_that_made_them():
    kept = Kept()
    generated("kmeans", 2, kept=kept)
    for changed in (
        {"task": {**TASK, "draws": [[[0], [1]]]}},
        {"task": {**TASK, "shots": "5"}},
        {"train": TEST},
        {"code": "other"},
    ):
        work = generated("kmeans", 2, kept=kept, **changed)[1]
        assert work.computed == work.wanted, changed
    assert generated("kmeans", 3, kept=kept)[1].computed == 4
    spec = {**TASK, "gen": "kls", "k": 2, "seeds": {"none": [1]}, "ls_lambda": 0.1}
    assert make_proxies(TRAIN, spec, generated("kmeans", 2)[0], kept=kept)[1].computed == 1
    assert make_proxies(TRAIN, spec, generated("kmeans", 2)[0], kept=kept)[1].computed == 0
    assert make_proxies(TRAIN, spec | {"ls_lambda": 0.2}, generated("kmeans", 2)[0], kept=kept)[1].computed
    assert make_proxies(TRAIN, spec, generated("kmeans", 3)[0], kept=kept)[1].computed == 1


def test_collapse_is_kept_by_draw(tmp_path):
    with keeping(tmp_path / "c.blocks") as kept:
        one, _ = measure_collapse(TRAIN, {**TASK, "fm": "net", "draws": [[[0], [1]]]}, kept)
    with keeping(tmp_path / "c.blocks") as kept:
        two, work = measure_collapse(TRAIN, {**TASK, "fm": "net", "draws": [[[0], [1]], [[2], [3]]]}, kept)
    assert (work.wanted, work.computed) == (2, 1)
    pd.testing.assert_frame_equal(two[:1], one)
    pd.testing.assert_frame_equal(
        two, measure_collapse(TRAIN, {**TASK, "fm": "net", "draws": [[[0], [1]], [[2], [3]]]})[0]
    )


def test_an_interrupted_job_keeps_what_it_finished(tmp_path, monkeypatch):
    real, left = evaluate.scores, [30]

    def interrupted(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(evaluate, "scores", interrupted)
    with pytest.raises(KeyboardInterrupt), keeping(tmp_path / "s.blocks") as kept:
        scored(kept=kept)
    monkeypatch.undo()
    with keeping(tmp_path / "s.blocks") as kept:
        table, work = scored(kept=kept)
    assert 0 < work.computed < work.wanted
    pd.testing.assert_frame_equal(table, scored()[0])


def test_a_killed_process_leaves_whole_blocks(tmp_path):
    program = textwrap.dedent("""
        import os, sys
        from imprint import kept
        kept.EVERY = 0
        with kept.keeping(sys.argv[1]) as blocks:
            for i in range(10**9):
                blocks.put(kept.key(i), str(i).encode() * 1000)
                if i == 200:
                    print("going", flush=True)
        """)
    running = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "k.blocks")], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "going\n"
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    with keeping(tmp_path / "k.blocks") as kept:
        assert all(kept.get(key(i)) == str(i).encode() * 1000 for i in range(200))


def test_a_damaged_block_or_file_is_made_anew(tmp_path, caplog):
    path = tmp_path / "k.blocks"
    with keeping(path) as kept:
        kept.put(key(1), b"whole")
    with sqlite3.connect(path) as file:
        file.execute("UPDATE blocks SET value = ?", (b"whale",))
    file.close()
    with keeping(path) as kept:
        assert kept.get(key(1)) is None
        kept.put(key(1), b"whole")
    with keeping(path) as kept:
        assert kept.get(key(1)) == b"whole"
    for damage in (b"no database at all" * 100, path.read_bytes()[:5000]):
        path.write_bytes(damage)
        with keeping(path) as kept:
            assert kept.get(key(1)) is None
            kept.put(key(1), b"whole")
    with keeping(path) as kept:
        assert kept.get(key(1)) == b"whole"
    assert "made anew" in caplog.text


def test_without_a_place_to_keep_it_in_the_work_is_done(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with keeping(tmp_path / "file" / "s.blocks") as kept:
        table, _ = scored(kept=kept)
    assert "cannot be kept" in caplog.text
    pd.testing.assert_frame_equal(table, scored()[0])


def test_a_file_that_fails_half_way_fails_no_job(tmp_path, caplog):
    with keeping(tmp_path / "s.blocks") as kept:
        kept.put(key(0), b"0")
        kept.commit()
        kept.file.execute("DROP TABLE blocks")
        table, _ = scored(kept=kept)
    assert "cannot be kept from here on" in caplog.text
    pd.testing.assert_frame_equal(table, scored()[0])


def test_what_the_last_run_did_not_use_can_be_pruned(tmp_path, monkeypatch):
    path = place(tmp_path, tmp_path / "scores" / "net" / "max.parquet")
    assert path == tmp_path / "cache" / "scores" / "net" / "max.blocks"
    for now, names in ((1000, range(100)), (2000, range(10))):
        monkeypatch.setattr("time.time", lambda now=now: now)
        with keeping(path) as kept:
            for i in names:
                if kept.get(key(i)) is None:
                    kept.put(key(i), b"x" * 1000)
    (found,) = contents(tmp_path)
    assert (found.path, found.blocks, found.unused) == (path, 100, 90)
    assert prune(found, wanted=True) > 50_000
    (found,) = contents(tmp_path)
    assert (found.blocks, found.unused) == (10, 0)
    with keeping(path) as kept:
        assert kept.get(key(5)) == b"x" * 1000
        assert kept.get(key(50)) is None
    assert prune(found, wanted=False) == found.size
    assert list(contents(tmp_path)) == []


def test_the_blocks_of_a_run_that_was_stopped_are_not_unused(tmp_path, monkeypatch):
    path = place(tmp_path, tmp_path / "max.parquet")

    def run(now, names, ends=True):
        monkeypatch.setattr("time.time", lambda: now)
        with suppress(InterruptedError), keeping(path) as kept:
            for i in names:
                if kept.get(key(i)) is None:
                    kept.put(key(i), b"x")
                    kept.commit()
            if not ends:
                raise InterruptedError
        (found,) = contents(tmp_path)
        return found.blocks, found.unused

    assert run(1000, range(5)) == (5, 0)
    assert run(2000, range(3, 9), ends=False) == (9, 0), "those of before may be wanted when it goes on"
    assert run(3000, range(4, 7)) == (9, 6)
