"""Tables: what they say of known scores, and how they read."""

import pandas as pd
import pytest

from imprint import tables
from imprint.errors import UserError

L2 = {"norm_pre": "l2", "norm_post": "l2", "norm_inf": "l2", "agg": "max", "distance": "inner_product"}
PLAIN = {
    "norm_pre": "none",
    "norm_post": "none",
    "norm_inf": "none",
    "agg": "max",
    "distance": "inner_product",
}
PRESETS = {
    "qi": {**L2, "label": "Qi", "gen": "mean", "k": 1, "weighting": None, "m": None, "published": 86.79},
    "own": {**L2, "label": "Own", "gen": "kmeans", "k": 20, "weighting": None, "m": None, "published": 91.06},
    "oracle": {
        **PLAIN,
        "label": "Oracle",
        "gen": "ls",
        "k": 1,
        "weighting": None,
        "m": None,
        "published": 94.54,
    },
}
TASKS = [f"glyphs-d{d}" for d in range(1, 11)]


def scores():
    """Three seeds on ten tasks: mean 80 %, k-means k=1 80 %, k=20 90 %, ls 95 %, less 1 point per task."""
    levels = [
        ("mean", 1, L2, 0.80),
        ("kmeans", 1, L2, 0.80),
        ("kmeans", 20, L2, 0.90),
        ("ls", 1, PLAIN, 0.95),
    ]
    rows = [
        {
            **norms,
            "gen": gen,
            "k": k,
            "task": task,
            "d": d,
            "seed": seed,
            "accuracy": level - d / 100 + (seed - 1) / 1000,
        }
        for gen, k, norms, level in levels
        for d, task in enumerate(TASKS, 1)
        for seed in range(3)
    ]
    frame = pd.DataFrame(rows).assign(fm="resnet", family="glyphs-d", draw=0, shots="full", weighting=None)
    return frame.assign(m=pd.array([pd.NA] * len(frame), dtype="Int64")).astype({"k": "Int64", "d": "Int64"})


def collapse():
    rows = [
        {"task": task, "d": d, "draw": draw, "nc1": d + draw / 10, "nc1_released": d + 1.0, "vci": 0.5}
        for d, task in enumerate(TASKS, 1)
        for draw in range(3)
    ]
    constant = {"classes": 10, "samples": 500, "trace_w": 0.4, "trace_b": 0.6, "rank_w": 64, "rank_b": 9}
    return pd.DataFrame(rows).assign(fm="resnet", family="glyphs-d", **constant).astype({"d": "Int64"})


def made(name, scores_=None, presets=PRESETS):
    return tables.find(name).make(scores() if scores_ is None else scores_, collapse(), presets)


def test_published_methods_ranked_with_the_published_mean_beside():
    table = made("published_methods").set_index("method")
    assert list(table.index) == ["Oracle", "Own", "Qi"]
    assert table["mean rank"].tolist() == [1, 2, 3]
    assert table["mean (%)"].tolist() == pytest.approx([89.5, 84.5, 74.5])
    assert table["published mean (%)"].tolist() == [94.54, 91.06, 86.79]
    assert (table["FM x task"] == 10).all()


def test_a_published_method_without_results_comes_last():
    frame = scores()
    table = made("published_methods", frame[frame["gen"] != "ls"])
    assert table["method"].tolist() == ["Own", "Qi", "Oracle"]
    assert pd.isna(table["mean (%)"].iloc[2]) and table["FM x task"].tolist() == [10, 10, 0]


def test_statistics_lists_friedman_and_every_pair():
    table = made("statistics")
    assert table["test"].tolist() == ["Friedman", "Wilcoxon", "Wilcoxon", "Wilcoxon"]
    assert table["statistic"].iloc[0] == pytest.approx(20)  # 3 methods in one order on all 10: n (k - 1)
    first = table.set_index(["method", "other"]).loc[("Oracle", "Qi")]
    assert first["mean difference (points)"] == pytest.approx(15)
    assert first["p"] < first["p_holm"] < 0.05


def test_accuracy_over_k_takes_the_oracle_without_normalisation():
    table = made("accuracy_over_k").set_index(["task", "gen", "k"])
    row = table.loc[("glyphs-d1", "kmeans", 20)]
    assert (row["mean (%)"], row["lowest (%)"], row["highest (%)"]) == pytest.approx((89, 88.9, 89.1))
    assert row["runs"] == 3 and row["configuration"].startswith("NORM l2 throughout")
    assert table.loc[("glyphs-d1", "ls", 1), "configuration"].startswith("NORM none throughout")


def test_neural_collapse_is_a_mean_over_draws_in_the_order_of_d():
    table = made("neural_collapse")
    assert table["task"].tolist() == TASKS  # d10 after d9
    assert table["nc1"].tolist() == pytest.approx([d + 0.1 for d in range(1, 11)])
    assert (table["draws"] == 3).all()


@pytest.mark.parametrize("name", tables.TABLES)
def test_no_results_make_a_table_without_rows_of_results(name, tmp_path):
    empty = tables.find(name).make(scores().iloc[:0], collapse().iloc[:0], {})
    csv, *_ = tables.save(empty, tmp_path / name)
    assert list(pd.read_csv(csv).columns) == list(made(name).columns)


def test_saved_numbers_are_rounded_for_reading(tmp_path):
    frame = pd.DataFrame(
        {"mean (%)": [91.0649, 90.1], "nc1": [0.33333, None], "p": [1.234e-7, 1.0], "rank_w": [64.0, 3.5]}
    )
    csv, markdown, page = tables.save(
        frame.assign(k=pd.array([5, pd.NA], dtype="Int64")), tmp_path / "run.v1"
    )
    assert csv.read_text() == "mean (%),nc1,p,rank_w,k\n91.06,0.333,1.2e-07,64,5\n90.10,,1,3.5,\n"
    assert markdown.read_text().splitlines()[2] == "| 91.06 | 0.333 | 1.2e-07 | 64 | 5 |"
    assert (csv.name, markdown.name, page.name) == ("run.v1.csv", "run.v1.md", "run.v1.html")
    assert '<td class="number">5</td>' in page.read_text()


def test_an_unknown_table_is_answered_with_the_known():
    with pytest.raises(UserError, match="unknown table 'metods'; known: accuracy_over_k"):
        tables.find("metods")


def test_configurations_are_ranked_over_the_tasks():
    table = made("configurations")
    assert table["GEN"].tolist() == ["ls", "kmeans", "mean", "kmeans"]
    assert table["mean rank"].tolist() == [1, 2, 3.5, 3.5]
    assert table["mean (%)"].tolist() == pytest.approx([89.5, 84.5, 74.5, 74.5])
    assert (table["FM x task"] == len(TASKS)).all()


def test_configurations_are_compared_over_the_tasks_that_all_have():
    rows = scores()
    table = made("configurations", rows[~((rows["gen"] == "ls") & (rows["d"] > 4))])
    assert (table["FM x task"] == 4).all()
    assert table["mean (%)"][0] == pytest.approx(92.5)
