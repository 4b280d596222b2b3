"""The jobs of the study: proxies and scores over draws and seeds, and the rows that belong to an experiment."""

import numpy as np
import pandas as pd
import pytest

from imprint.analysis.frames import collect, rows_of
from imprint.data.pools import Pool, draw_shots, select
from imprint.errors import UserError
from imprint.method.collapse import collapse
from imprint.method.configuration import FIELDS, Configuration, Scoring, parse_k
from imprint.method.engine import evaluate
from imprint.method.generate import batched_kmeans
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import l2
from imprint.method.proxies import proxy_set_for
from imprint.method.scoring import CandidateHead
from imprint.study.jobs.collapse import measure_collapse
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score


def samples(seed, n=120, d=6, classes=6):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    centres = np.random.default_rng(99).normal(size=(classes, d))
    return Pool((centres[y] + 0.5 * rng.normal(size=(n, d))).astype(np.float32), y, classes)


TRAIN, TEST = samples(0), samples(1)
TASK = {"task": "t", "family": "t", "d": None, "datasets": ["data"], "draws": [None]}
PAIRS = {
    "task": "p-d2",
    "family": "p",
    "d": 2,
    "datasets": ["data"],
    "draws": [[[0, 1], [2, 3]], [[5, 3], [4, 0]]],
}


def proxies(task, gen, k, seeds=(1, 2), shots="full", norm_pre=("none", "l2")):
    spec = {
        **task,
        "shots": shots,
        "gen": gen,
        "seeds": {str(k): dict.fromkeys(norm_pre, list(seeds))},
        "ls_lambda": 0.1,
    }
    return make_proxies(TRAIN, spec)[0]


def test_proxies_are_made_for_every_norm_seed_and_draw():
    sets = proxies(PAIRS, "kmeans", 2)
    assert set(sets) == {("2", n, s, d) for n in ("none", "l2") for s in (1, 2) for d in (0, 1)}
    rows = np.flatnonzero(np.isin(TRAIN.y, [5, 3, 4, 0]))
    y = np.isin(TRAIN.y[rows], [4, 0]).astype(int)
    expected = proxy_sets(l2(TRAIN.x[rows]), y, "kmeans", [2], [2])[2, 2]
    np.testing.assert_array_equal(sets["2", "l2", 2, 1].values, expected.values)


def test_every_fit_of_kmeans_runs_on_the_device(monkeypatch):
    """Those for `k: auto` too."""
    used = []

    def noted(x, device):
        used.append(device)
        return samples_on(x, device)

    samples_on = batched_kmeans._samples
    monkeypatch.setattr(batched_kmeans, "_samples", noted)
    seeds = {k: {"none": [1]} for k in ("2", "auto")}
    spec = {**TASK, "shots": "full", "gen": "kmeans", "seeds": seeds}
    make_proxies(TRAIN, spec, device="cpu:0")
    # of each class: k = 2, the choice of k, and what it chose
    assert used == ["cpu:0"] * 3 * 6


def test_what_no_seed_changes_is_made_once_unless_shots_are_drawn():
    sets = proxies(TASK, "mean", 1, seeds=[None])
    assert proxy_set_for(sets, "1", "none", 1, 0) is proxy_set_for(sets, "1", "none", 2, 0)
    few = proxies(TASK, "mean", 1, shots="3")
    assert not np.array_equal(few["1", "none", 1, 0].values, few["1", "none", 2, 0].values)
    rows = draw_shots(TRAIN.y, "3", 2)
    expected = [TRAIN.x[rows][TRAIN.y[rows] == c].mean(axis=0) for c in range(6)]
    np.testing.assert_allclose(few["1", "none", 2, 0].values, expected, rtol=1e-5)


def test_sample_proxies_are_numbered_as_rows_of_the_pool():
    proxy_set = proxies(PAIRS, "all", "all")["all", "none", 1, 1]
    assert set(proxy_set.samples) == set(np.flatnonzero(np.isin(TRAIN.y, [5, 3, 4, 0])))


def test_kls_gives_the_same_from_stored_clusters():
    spec = {**TASK, "shots": "full", "gen": "kls", "seeds": {"2": {"l2": [1]}}, "ls_lambda": 0.1}
    stored = proxies(TASK, "kmeans", 2, seeds=[1], norm_pre=["l2"])
    computed, other = make_proxies(TRAIN, spec)[0], make_proxies(TRAIN, spec, stored)[0]
    np.testing.assert_array_equal(computed["2", "l2", 1, 0].values, other["2", "l2", 1, 0].values)


def configuration(norm, gen, k):
    return Configuration(norm, gen, parse_k(k), Scoring(norm, norm, "max", "inner_product"))


CELLS = [
    configuration("l2", "kmeans", 2),
    configuration("none", "kmeans", 2),
    configuration("l2", "all", "all"),
]


def cells(*configurations, seeds=(1, 2)):
    return [{**c.as_dict(), "seeds": list(seeds)} for c in configurations]


def table(task=PAIRS):
    sets = {
        "kmeans": proxies(task, "kmeans", 2),
        "all": proxies(task, "all", "all"),
    }
    spec = {**task, "fm": "net", "shots": "full", "cells": cells(*CELLS)}
    return score(TRAIN, TEST, sets, spec)[0]


def test_scores_have_a_row_for_each_configuration_draw_and_seed():
    frame = table()
    assert len(frame) == len(CELLS) * 2 * 2
    assert not frame.duplicated(["draw", "seed", *FIELDS]).any()
    assert frame["k"].isna().sum() == 4
    assert (frame["d"] == 2).all()
    proxy_set = proxies(PAIRS, "kmeans", 2)["2", "l2", 2, 1]
    rows = np.flatnonzero(np.isin(TEST.y, [5, 3, 4, 0]))
    scoring = CELLS[0].scoring
    y = np.isin(TEST.y[rows], [4, 0]).astype(int)
    (expected,) = evaluate(
        TEST.x[rows], y, 2, [CandidateHead(proxy_set.values, proxy_set.labels, (scoring,))]
    )
    row = frame[
        (frame.seed == 2) & (frame.draw == 1) & (frame.norm_pre == "l2") & (frame.gen == "kmeans")
    ]
    assert row["accuracy"].item() == expected[scoring].accuracy
    assert row["proxies"].item() == 4


def test_the_f1_of_each_class_is_there_on_request():
    sets = {"all": proxies(PAIRS, "all", "all")}
    spec = {
        **PAIRS,
        "fm": "net",
        "shots": "full",
        "cells": cells(CELLS[2], seeds=[1]),
        "per_class": True,
    }
    frame = score(TRAIN, TEST, sets, spec)[0]
    np.testing.assert_allclose([np.mean(f1) for f1 in frame["class_f1"]], frame["macro_f1"])
    assert "class_f1" not in table()


def test_a_class_without_training_samples_is_an_error_that_names_the_task():
    spec = {**TASK, "shots": "full", "gen": "mean", "seeds": {"1": {"none": [1]}}}
    with pytest.raises(UserError, match="task t: 1 of 7 classes have no training sample"):
        make_proxies(Pool(TRAIN.x, TRAIN.y, 7), spec)


def measured(task):
    return measure_collapse(TRAIN, TEST, {**task, "fm": "net"})[0]


def test_collapse_has_a_row_for_each_draw_and_split():
    frame = measured(PAIRS)
    assert list(frame["draw"]) == [0, 1, 0, 1]
    assert list(frame["split"]) == ["train", "train", "test", "test"]
    assert (frame["classes"] == 2).all()
    in_test = [np.isin(TEST.y, list(np.ravel(groups))).sum() for groups in PAIRS["draws"]]
    assert list(frame["test_samples"]) == in_test * 2
    chosen, y, classes = select(TEST, PAIRS["draws"][1])
    assert frame["nc1"].iloc[3] == collapse(TEST.x[chosen], y, classes).nc1 != frame["nc1"].iloc[1]


def test_a_draw_without_test_samples_has_no_nc1():
    test = Pool(TEST.x[TEST.y > 3], TEST.y[TEST.y > 3], TEST.class_count)
    frame = measure_collapse(TRAIN, test, {**PAIRS, "fm": "net"})[0]
    first, second = frame[frame["split"] == "test"].itertuples()
    assert np.isnan(first.nc1) and first.test_samples == first.samples == first.classes == 0
    assert second.nc1 > 0 and second.test_samples > 0


def test_a_task_without_test_samples_is_an_error_that_names_it():
    nothing = Pool(TEST.x[:0], TEST.y[:0], TEST.class_count)
    with pytest.raises(UserError, match="task t: the test split has no sample of its classes"):
        measure_collapse(TRAIN, nothing, {**TASK, "fm": "net"})
    spec = {**TASK, "fm": "net", "shots": "full", "cells": cells(CELLS[2])}
    with pytest.raises(UserError, match="task t: the test split has no sample of its classes"):
        score(TRAIN, nothing, {"all": proxies(TASK, "all", "all")}, spec)


def test_an_experiment_gets_nc1_of_the_split_that_it_asks_for():
    frame = collect([measured(task) for task in (PAIRS, TASK)])
    empty = {"configurations": [], "seeds": []}
    pairs = {**empty, "groups": [["net", "p-d2", "full"]]}
    plain = {**empty, "groups": [["net", "t", "full"]]}
    assert set(rows_of(frame, [pairs])["split"]) == {"train"}
    of_test = {**pairs, "nc1_split": "test"}
    both = rows_of(frame, [plain, of_test])
    assert dict(both[["task", "split"]].to_numpy()) == {"t": "train", "p-d2": "test"}
    first = rows_of(frame, [of_test, pairs, plain])
    assert len(first) == 3, "a task asked for on both splits is shown on the first alone"
    pd.testing.assert_series_equal(
        first["nc1"].sort_values(), both["nc1"].sort_values(), check_index=False
    )


def test_collected_tables_keep_their_rows_and_types():
    whole = collect([table(), table(TASK)])
    assert len(whole) == 12 + 6
    assert whole["d"].isna().sum() == 6
    assert str(whole["gen"].dtype) == "category"
    assert str(whole["k"].dtype) == "Int64"


def test_an_experiment_gets_its_own_rows():
    whole = collect([table(), table(TASK)])
    selection = {
        "groups": [["net", "p-d2", "full"]],
        "configurations": [CELLS[2].as_dict()],
        "seeds": [2],
    }
    rows = rows_of(whole, [selection])
    assert len(rows) == 2
    assert set(rows["gen"]) == {"all"}
    other = {
        "groups": [["net", "t", "full"]],
        "configurations": [c.as_dict() for c in CELLS],
        "seeds": [1],
    }
    both = rows_of(whole, [selection, other, other])
    assert set(both["task"]) == {"p-d2", "t"} and len(both) == 2 + len(rows_of(whole, [other]))
    frame = collect([measured(task) for task in (PAIRS, TASK)])
    assert set(rows_of(frame, [selection])["task"]) == {"p-d2"}
