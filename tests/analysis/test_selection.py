"""The words about the rows that figures and tables show."""

import pandas as pd
import pytest

from imprint.analysis.selection import sizes

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
