"""Cells of two studies pair by all that names them."""

import pandas as pd
import pytest

from imprint.analysis.study_differences import RUN, paired_runs, summaries, summary

ROW = {
    "fm": "net",
    "task": "a",
    "shots": "full",
    "draw": 0,
    "seed": 1,
    "norm_pre": "l2",
    "gen": "kmeans",
    "k": 5,
    "norm_post": "l2",
    "norm_inf": "l2",
    "agg": "max",
    "distance": "inner_product",
    "weighting": None,
    "m": None,
    "accuracy": 0.5,
}


def scores(*changes):
    frame = pd.DataFrame([{**ROW, **change} for change in changes], columns=list(ROW))
    return frame.astype({"k": "Int64", "m": "Int64", "fm": "category", "weighting": "category"})


@pytest.mark.parametrize(
    "change",
    [
        *({name: "other"} for name in ("fm", "task", "shots", "norm_pre", "gen", "norm_post")),
        *({name: "other"} for name in ("norm_inf", "distance", "weighting")),
        *({name: 7} for name in ("draw", "seed", "k", "m")),
        {"agg": "logsumexp"},
        {"k": None},
    ],
)
def test_runs_that_differ_in_anything_are_no_pair(change):
    assert set(change) <= set(RUN)
    numbers = summary(paired_runs(scores({}), scores(change)))
    assert (numbers["pairs"], numbers["only_a"], numbers["only_b"]) == (0, 1, 1)
    assert numbers["mean"] is None


def test_runs_pair_whatever_their_order_and_types():
    a = scores({}, {"task": "b", "k": None}, {"task": "c", "accuracy": 0.9})
    b = scores({"task": "b", "k": None, "accuracy": 0.75}, {}).astype(object)
    runs = paired_runs(a, b).set_index("task")
    assert runs.loc["a", "difference"] == 0
    assert runs.loc["b", "difference"] == pytest.approx(25)
    assert runs.loc["c", ["accuracy_b", "difference"]].isna().all()
    numbers = summary(runs)
    assert (numbers["pairs"], numbers["equal"], numbers["only_a"]) == (2, 1, 1)


def test_differences_are_in_points_of_b_over_a_the_largest_by_its_size():
    seeds = [{"seed": seed, "accuracy": 0.5} for seed in range(3)]
    later = [
        {**row, "accuracy": 0.5 + d} for row, d in zip(seeds, (0.02, 0.01, -0.06), strict=True)
    ]
    other = {"gen": "mean", "k": 1}
    runs = paired_runs(scores(*seeds, other), scores(*later, {**other, "accuracy": 0.9}))
    clusters, mean = summaries(runs, "method")[::-1]
    assert clusters["method"] == "kmeans, k = 5; NORM l2 throughout; AGG max"
    assert clusters["mean"] == pytest.approx(-1) and clusters["median"] == pytest.approx(1)
    assert clusters["largest"] == pytest.approx(-6)
    assert mean["method"].startswith("mean, k = 1; ") and mean["largest"] == pytest.approx(40)
