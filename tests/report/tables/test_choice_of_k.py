"""The table that compares k = auto with fixed k."""

import numpy as np
import pandas as pd

from imprint.analysis.frames import compact
from imprint.report.tables import TABLES


def scores(accuracy, proxies, seconds):
    """One FM, tasks t0.. with 10 classes; each argument by k (None: auto) and task."""
    rows = []
    for k, values in accuracy.items():
        for task, value in enumerate(values):
            rows.append(
                {
                    "fm": "net", "task": f"t{task}", "family": f"t{task}", "datasets": f"t{task}", "d": None, "draw": 0, "shots": "full",
                    "norm_pre": "l2", "gen": "kmeans", "k": k, "norm_post": "l2", "norm_inf": "l2", "agg": "max",
                    "distance": "inner_product", "weighting": None, "m": None, "seed": 1, "accuracy": value,
                    "proxies": proxies[k], "seconds": seconds[k],
                }
            )  # fmt: skip
    return compact(pd.DataFrame(rows))


def test_auto_is_compared_with_every_k_and_with_hindsight():
    frame = scores(
        {1: [0.5, 0.9, 0.7] * 2, 20: [0.8, 0.8, 0.8] * 2, None: [0.8, 0.9, 0.7] * 2},
        {1: 10, 20: 200, None: 150},
        {1: 1.0, 20: 4.0, None: 9.0},
    )
    table = TABLES["choice_of_k"].make(frame, pd.DataFrame(), {}).set_index("k")
    assert list(table.index) == ["1", "20", "auto", "best in hindsight"]
    np.testing.assert_allclose(table["mean (%)"], [70, 80, 80, 250 / 3])
    np.testing.assert_allclose(table["proxies per class"].iloc[:3], [1, 20, 15])
    np.testing.assert_allclose(table["generation time (s)"].iloc[:3], [1, 4, 9])
    np.testing.assert_allclose(table["auto - k (points)"].dropna(), [10, 0, -10 / 3], atol=1e-9)
    assert table.loc["20", ["better", "worse"]].tolist() == [2, 2]
    assert table.loc["1", ["better", "worse"]].tolist() == [2, 0]
    assert table["95% low (points)"]["20"] < 0 < table["95% high (points)"]["20"]


def test_without_auto_the_table_says_so():
    frame = scores({1: [0.5]}, {1: 10}, {1: 1.0})
    table = TABLES["choice_of_k"].make(frame, pd.DataFrame(), {})
    assert "No results of k-means with k = auto" in table["note"][0]
