"""The table that compares k = auto with fixed k."""

import numpy as np
import pandas as pd

from imprint.analysis.frames import compact
from imprint.report.tables import TABLES

COLLAPSE = pd.DataFrame(
    {"fm": "net", "task": [f"t{i}" for i in range(8)], "draw": 0, "classes": 10}
)


def scores(accuracy, proxies, seconds):
    """One FM, tasks t0.. with 10 classes; each argument by k (None: auto) and task, where it was run."""
    rows = []
    for k, values in accuracy.items():
        for task, value in enumerate(values):
            if value is None:
                continue
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
    table = TABLES["choice_of_k"].make(frame, COLLAPSE, {}).set_index("k")
    assert list(table.index) == ["1", "20", "auto", "best in hindsight"]
    np.testing.assert_allclose(table["mean (%)"], [70, 80, 80, 250 / 3])
    np.testing.assert_allclose(table["proxies per class"].iloc[:3], [1, 20, 15])
    np.testing.assert_allclose(table["generation time (ms)"].iloc[:3], [1000, 4000, 9000])
    np.testing.assert_allclose(table["auto - k (points)"].dropna(), [10, 0, -10 / 3], atol=1e-9)
    assert table.loc["20", ["better", "worse"]].tolist() == [2, 2]
    assert table.loc["1", ["better", "worse"]].tolist() == [2, 0]
    assert table["95% low (points)"]["20"] < 0 < table["95% high (points)"]["20"]
    few = TABLES["choice_of_k"].make(frame.assign(shots="5"), COLLAPSE, {})
    assert few["note"][0].endswith("Run with 5 shots.")


def test_small_classes_have_fewer_proxies_than_k():
    level = [0.5] * 8
    frame = scores({20: level, 50: level, None: level}, {20: 80, 50: 80, None: 50}, dict.fromkeys((20, 50, None), 1.0))  # fmt: skip
    table = TABLES["choice_of_k"].make(frame, COLLAPSE, {})
    assert table["proxies per class"].iloc[:3].tolist() == [8, 8, 5]


def test_a_k_that_was_run_on_few_tasks_takes_none_away():
    level, once = [0.5] * 8, [0.9] + [None] * 7
    most = [None] + [0.6] * 7
    frame = scores({1: level, 5: most, 50: once, None: level}, dict.fromkeys((1, 5, 50, None), 10), dict.fromkeys((1, 5, 50, None), 1.0))  # fmt: skip
    table = TABLES["choice_of_k"].make(frame, COLLAPSE, {})
    assert table["k"].tolist() == ["1", "5", "auto", "best in hindsight"]
    assert table["note"][0] == (
        "7 places. Left out, run on less than half of the places of auto: k = 50 (1). "
        "1 place left out, where auto or a fixed k was not run."
    )
    apart = scores({5: once, None: [None, 0.5]}, {5: 10, None: 10}, {5: 1.0, None: 1.0})
    table = TABLES["choice_of_k"].make(apart, COLLAPSE, {})
    assert table["k"].tolist() == ["auto"] and "k = 5 (0)" in table["note"][0]


def test_without_auto_the_table_says_so():
    frame = scores({1: [0.5]}, {1: 10}, {1: 1.0})
    table = TABLES["choice_of_k"].make(frame, pd.DataFrame(), {})
    assert "No results of k-means with k = auto" in table["note"][0]
