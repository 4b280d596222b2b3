"""The words about the rows that figures and tables show."""

import pandas as pd
import pytest

from imprint.analysis.selection import agg_in_words, sizes, standard

METHOD = {
    "norm_pre": "l2", "gen": "kmeans", "norm_post": "l2", "norm_inf": "l2", "agg": "max",
    "distance": "inner_product", "weighting": None, "m": None, "shots": "full",
}  # fmt: skip


def rows(*runs):
    """Rows of one method, from task, k, seed and draw."""
    columns = ["task", "k", "seed", "draw"]
    return pd.DataFrame(runs, columns=columns).assign(fm="net", **METHOD)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([("a", 1, 0, 0), ("a", 1, 1, 0), ("b", 5, 0, 0), ("b", 5, 1, 0)], "2 seeds"),
        ([("a", 1, 0, 0), ("a", 1, 1, 0), ("a", 1, 2, 0), ("a", 5, 7, 0)], "1 to 3 seeds"),
        ([("a", 1, 0, draw) for draw in range(4)], "4 draws x 1 seed"),
        ([("a", 1, 0, 0), ("b", 1, 0, 0), ("b", 1, 0, 1)], "1 to 2 draws x 1 seed"),
        ([], "0 seeds"),
    ],
)
def test_sizes_are_those_of_each_value(runs, expected):
    assert sizes(rows(*runs)) == expected


@pytest.mark.parametrize(
    ("agg", "distance", "weighting", "m", "expected"),
    [
        ("max", "inner_product", None, None, "max"),
        ("max", "cosine", None, None, "1-nn cosine"),
        ("mnn", "euclidean", "uniform", 1, "1-nn euclidean"),
        ("mnn", "cosine", "distance", 5, "5-nn cosine, distance"),
        ("logsumexp", "cosine", "exponential(0.1)", None, "logsumexp cosine, exponential(0.1)"),
        ("mean_similarity", "inner_product", None, None, "mean_similarity inner_product"),
    ],
)
@pytest.mark.parametrize("missing", [None, pd.NA, float("nan")], ids=str)
def test_every_agg_has_words(agg, distance, weighting, m, expected, missing):
    parts = {"agg": agg, "distance": distance, "weighting": weighting, "m": m}
    parts = {name: missing if value is None else value for name, value in parts.items()}
    assert agg_in_words(parts) == expected
    norms = dict.fromkeys(("norm_pre", "norm_post", "norm_inf"), "l2")
    frame = pd.DataFrame([{**norms, **parts, "gen": "kmeans", "k": 1}] * 3).astype({"m": "Int64"})
    shown, text = standard(frame)
    assert shown["agg"] == agg and text == f"NORM l2 throughout; AGG {expected}"
