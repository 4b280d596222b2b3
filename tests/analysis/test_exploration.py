"""What the rows of the explorer are, on scores that can be checked by hand."""

import pandas as pd
import pytest

from imprint.analysis.exploration import explored, in_order
from imprint.analysis.frames import compact

L2 = {"norm_pre": "l2", "norm_post": "l2", "norm_inf": "l2"}
PRODUCT = {"agg": "max", "distance": "inner_product", "weighting": None, "m": None}


def score(gen, k, accuracy, *, task="t", family="t", d=None, draw=0, seed=1, **changes):
    place = {"fm": "net", "task": task, "family": family, "d": d, "draw": draw, "shots": "full"}
    return {
        **place,
        "gen": gen,
        "k": k,
        **L2,
        **PRODUCT,
        "seed": seed,
        "accuracy": accuracy,
        **changes,
    }


def table(scores, nc1):
    collapse = [
        {
            "fm": "net",
            "task": f"{family}{d}",
            "family": family,
            "d": d,
            "draw": i,
            "split": split,
            "nc1": value + added,
        }
        for (family, d), values in nc1.items()
        for i, value in enumerate(values)
        for split, added in (("train", 0), ("test", 5))
    ]
    return explored(compact(pd.DataFrame(scores)), compact(pd.DataFrame(collapse)))


def test_a_row_is_the_median_over_seeds_and_draws_and_its_gain_is_over_one_proxy():
    accuracies = {1: (0.5, 0.6, 0.7), 10: (0.8, 0.9, 0.95)}
    scores = [
        score("kmeans", k, accuracy, task="f2", family="f", d=2, draw=i % 2, seed=i)
        for k, values in accuracies.items()
        for i, accuracy in enumerate(values)
    ]
    one, ten = table(scores, {("f", 2): (0.1, 0.3)}).to_dict("records")
    assert (ten["task"], ten["d"], ten["k"], ten["NORM"], ten["AGG"]) == (
        "f",
        "2",
        "10",
        "l2/l2/l2",
        "max",
    )
    assert [ten[name] for name in ("accuracy", "lowest", "highest")] == pytest.approx([90, 80, 95])
    assert (ten["seeds"], ten["draws"]) == (3, 2)
    assert ten["gain"] == pytest.approx(30) and ten["NC1"] == pytest.approx(0.2)
    assert pd.isna(one["gain"]) and pd.isna(one["NC1"])


def test_mean_and_least_squares_are_gens_with_one_proxy_and_no_other_method_gives_a_gain():
    scores = [
        score("mean", 1, 0.5),
        score("kmeans", 5, 0.7),
        score("ls", 1, 0.5),
        score("kls", 5, 0.6),
        score("fps", 5, 0.7),
        score("kmeans", 5, 0.6, norm_pre="none"),
        score("all", None, 0.9),
    ]
    rows = table(scores, {("t", None): (1.0,)})
    gains = rows.dropna(subset="gain")
    assert gains[["GEN", "NORM"]].values.tolist() == [["kls", "l2/l2/l2"], ["kmeans", "l2/l2/l2"]]
    assert gains["gain"].tolist() == pytest.approx([10, 20])
    assert rows.loc[rows["GEN"] == "all", "k"].tolist() == ["all samples"]


def test_the_nearest_proxy_is_one_method_under_both_of_its_names():
    nearest = {"distance": "cosine", "m": 1, "weighting": "uniform"}
    scores = [
        score("mean", 1, 0.5, agg="max", distance="cosine"),
        score("mean", 1, 0.5, agg="mnn", **nearest),
    ]
    assert table(scores, {("t", None): (1.0,)})["AGG"].tolist() == ["1-nn cosine"]


def test_numbers_are_in_order_of_their_value_and_before_words():
    assert in_order(["full", "10", "", "2", "2"]) == ["2", "10", "full"]
