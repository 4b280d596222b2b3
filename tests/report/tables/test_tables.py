"""Tables: what they say of known scores."""

import pandas as pd
import pytest

from imprint.analysis.frames import rows_of
from imprint.errors import UserError
from imprint.method.presets import PRESETS as NAMED
from imprint.method.presets import preset_rows
from imprint.report.tables import TABLES
from imprint.report.tables.writing import save
from tests.report.tables.known import (
    PAPERS_PAIRS,
    PRESETS,
    TASKS,
    collapse,
    make_table,
    scores,
)


def test_published_methods_ranked_with_the_published_mean_beside():
    table = make_table("published_methods", of_paper=True).set_index("method")
    assert list(table.index) == ["Oracle", "Clusters", "Qi"]
    assert table["mean rank"].tolist() == [1, 2, 3]
    assert table["mean (%)"].tolist() == pytest.approx([89.5, 84.5, 74.5])
    assert table["published mean (%)"].tolist() == [94.54, 91.06, 86.79]
    assert (table["FM x task"] == 10).all()
    assert table["note"].isna().all()


def test_published_means_are_not_shown_beside_other_fms_and_tasks():
    assert not [name for name in make_table("published_methods") if "published" in name]
    # nor where some FM and task is missing
    frame = scores()
    missing = frame[(frame["gen"] != "ls") | (frame["d"] < 9)]
    table = make_table("published_methods", missing, of_paper=True)
    assert "published mean (%)" not in table and (table["FM x task"] == 8).all()


def test_fms_are_ranked_by_what_all_of_them_ran():
    resnet = scores()
    given = resnet.assign(fm="given", accuracy=resnet["accuracy"] + 0.01)
    # another task and another k of one FM alone change nothing
    alone = resnet[resnet["task"] == "glyphs-d1"].assign(task="own", accuracy=0.1)
    other_k = resnet[resnet["k"] == 20].assign(k=50, accuracy=0.99)
    table = make_table("fms", pd.concat([resnet, given, alone, other_k])).set_index("FM")
    assert list(table.index) == ["given", "resnet"]
    assert table["mean rank"].tolist() == [1, 2]
    # 80, 80, 90 and 95 %, less 5.5 points on the average task
    assert table["mean (%)"].tolist() == pytest.approx([81.75, 80.75])
    assert table["best (%)"].tolist() == pytest.approx([90.5, 89.5])
    assert table["best configuration"].tolist() == ["Oracle", "Oracle"]
    assert (table["tasks"] == 10).all()
    assert table.loc["resnet", "nc1"] == pytest.approx(5.6)
    assert table.loc["resnet", ["parameters (M)", "images a second"]].tolist() == [11.176512, 40.25]
    assert table.loc["given", ["model", "parameters (M)", "images a second"]].isna().all()
    assert table["note"].iloc[0] == (
        "Means over 4 configurations that all FMs ran on 10 tasks; the best of them is chosen for each FM on test "
        "data. Left out, as not all FMs have them: 1 task and 1 configuration. Images a second: on cpu with 2 threads."
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_tables_take_nc1_from_the_split_that_is_asked_for_and_training_samples_from_the_other(
    split,
):
    test = collapse().assign(split="test", nc1=99.0, samples=200)
    both = pd.concat([collapse().assign(split="train"), test])
    groups = [["resnet", task, "full"] for task in TASKS]
    grid = {"groups": groups, "configurations": [], "seeds": [], "nc1_split": split}
    of_split = rows_of(both, [grid])
    table = make_table("fms", collapses=of_split)
    assert table["nc1"].tolist() == pytest.approx([99 if split == "test" else 5.6])
    assert ("NC1 of test embeddings." in table["note"][0]) == (split == "test")
    assert (make_table("runtime", collapses=of_split)["samples"] == 500).all()
    # without the rows of the training split, nothing is known about it
    alone = rows_of(test, [{**grid, "nc1_split": "test"}])
    assert make_table("runtime", collapses=alone)["samples"].isna().all()


def test_fms_without_a_common_task_are_listed_without_ranks():
    resnet = scores()
    given = resnet[resnet["task"] == "glyphs-d1"].assign(fm="given", task="own")
    table = make_table("fms", pd.concat([resnet, given]))
    assert table["FM"].tolist() == ["given", "resnet"] and table["mean rank"].isna().all()
    assert table["embedding size"].tolist() == [64, 512]
    assert table["note"].iloc[0].startswith("The FMs share no task: nothing to rank.")


def test_references_are_marked_among_the_named_methods():
    presets = {**PRESETS, "oracle": {**PRESETS["oracle"], "reference": True}}
    table = make_table("published_methods", presets=presets)
    assert dict(zip(table["method"], table["kind"], strict=True)) == {
        "Oracle": "reference",
        "Clusters": "imprinting",
        "Qi": "imprinting",
    }


def test_a_published_method_without_results_comes_last():
    frame = scores()
    without = frame[frame["gen"] != "ls"]
    assert make_table("published_methods", without)["method"].tolist() == ["Clusters", "Qi"]
    table = make_table("published_methods", without, of_paper=True)
    assert table["method"].tolist() == ["Clusters", "Qi", "Oracle"]
    assert table["published mean (%)"].tolist() == [91.06, 86.79, 94.54]
    assert pd.isna(table["mean (%)"].iloc[2]) and table["FM x task"].tolist() == [10, 10, 0]
    assert table["note"][0] == "Without any result and left out: Oracle."


def test_published_methods_say_what_is_missing_or_alike():
    frame = scores()
    clusters = frame["gen"].eq("kmeans") & frame["k"].eq(20)
    table = make_table("published_methods", frame[~(clusters & (frame["d"] > 6))])
    assert (table["FM x task"] == 6).all()
    assert table["note"][0] == "4 (FM, task) left out for lack of results of Clusters (4)."
    # run on less than half of them, it takes nothing away from the others
    table = make_table("published_methods", frame[~(clusters & (frame["d"] > 4))])
    assert table["method"].tolist() == ["Oracle", "Qi"] and (table["FM x task"] == 10).all()
    assert table["note"][0] == "Left out, run on less than half of the (FM, task): Clusters (4)."
    alike = make_table("published_methods", frame.assign(accuracy=0.5 + frame["d"] / 100))
    assert alike["note"][0] == "Equal medians on every (FM, task): Qi = Clusters = Oracle."
    assert alike["mean rank"].tolist() == [2, 2, 2]
    alone = make_table("published_methods", frame[frame["d"] == 1])
    assert alone["std (%)"].isna().all()
    assert alone["note"][0] == "One (FM, task) alone: no standard deviation."
    single = make_table("published_methods", frame, {"qi": PRESETS["qi"]})
    assert single["mean rank"].tolist() == [1] and single["FM x task"].tolist() == [10]


def test_statistics_lists_friedman_and_every_pair():
    table = make_table("statistics")
    assert table["paper: test"].tolist() == ["Friedman", "Wilcoxon", "Wilcoxon", "Wilcoxon"]
    assert table["paper: statistic"].iloc[0] == pytest.approx(
        20
    )  # 3 methods in one order on all 10: n (k - 1)
    first = table.set_index(["method", "other"]).loc[("Oracle", "Qi")]
    assert first["mean difference (points)"] == pytest.approx(15)
    assert first["paper: p"] < first["paper: p_holm"] < 0.05
    assert first["p_holm"] == pytest.approx(6 / 2**10)  # ten datasets of one sign, three pairs
    assert (first["datasets"], first["better"], first["worse"]) == (10, 10, 0)
    assert (
        first["95% low (points)"] == first["95% high (points)"] == pytest.approx(15)
    )  # always the same
    assert table["paper: effect size"].tolist() == [1, 1, 1, 1]  # W, then always higher


@pytest.mark.parametrize(
    ("rows", "presets", "note"),
    [
        (
            slice(None),
            {"qi": PRESETS["qi"]},
            "Nothing to test: 1 method over 10 shared (FM, task).",
        ),
        (slice(3), PRESETS, "Nothing to test"),
        (slice(0), PRESETS, "Nothing to test: 0 methods"),
    ],
    ids=["one method", "one pair", "none"],
)
def test_statistics_of_too_little_are_a_note(rows, presets, note):
    table = make_table(
        "statistics", scores().groupby(["gen", "k", "task"]).head(3).iloc[rows], presets
    )
    assert table["paper: test"].iloc[0] == "Friedman" and pd.isna(table["paper: p"].iloc[0])
    assert note in table["note"].iloc[0]


def test_methods_without_a_common_task_leave_only_a_note():
    frame = scores()
    apart = frame[(frame["gen"] == "mean") == (frame["d"] > 5)]
    apart = apart[apart["gen"].isin(["mean", "ls"])]
    table = make_table("statistics", apart)
    assert table["paper: p"].isna().all() and table["other"].isna().all()
    assert "10 (FM, task) left out for lack of results of" in table["note"][0]
    table = make_table("norm", apart)  # the mean with l2, least squares without
    assert len(table) == 1 and table.drop(columns="note").isna().all(axis=None)
    assert table["note"][0] == "10 (FM, task) left out, where some NORM was not run."


def test_a_task_of_another_method_joins_no_datasets():
    frame = scores()
    joint = frame[frame["k"] == 20].assign(task="joint", datasets="+".join(TASKS))
    others = {name: PRESETS[name] for name in ("qi", "oracle")}
    table = make_table("statistics", pd.concat([frame, joint]), others)
    assert table["datasets"].iloc[1] == 10


def test_tasks_of_one_dataset_are_one_observation():
    table = make_table("statistics", scores().assign(datasets="glyphs"))
    assert table["datasets"].iloc[1] == 1 and table["p_holm"].isna().all()
    assert (table["paper: p_holm"].iloc[1:] < 0.05).all()
    assert table["note"][0].startswith("One dataset is too few to generalise to others")


def test_accuracy_over_k_takes_the_oracle_without_normalisation():
    table = make_table("accuracy_over_k").set_index(["task", "GEN", "k"])
    row = table.loc[("glyphs-d1", "kmeans", "20")]
    assert (row["mean (%)"], row["lowest (%)"], row["highest (%)"]) == pytest.approx(
        (89, 88.9, 89.1)
    )
    assert row["runs"] == 3 and row["configuration"].startswith("NORM l2 throughout")
    assert table.loc[("glyphs-d1", "ls", ""), "configuration"].startswith("NORM none throughout")


OF_SCORES = [
    "published_methods",
    "configurations",
    "statistics",
    "gen",
    "norm",
    "agg",
    "fms",
    "runtime",
]


@pytest.mark.parametrize("name", OF_SCORES)
def test_tables_of_few_shots_say_so(name):
    assert "Run with 20 shots." in make_table(name, scores().assign(shots="20"))["note"][0]
    assert "shots" not in str(make_table(name)["note"][0])


def test_accuracy_over_k_names_the_shots_of_all_gens():
    table = make_table("accuracy_over_k", scores().assign(shots="20"))
    assert table["configuration"].nunique() > 1
    assert table["configuration"].str.endswith("; 20 shots").all()


def test_a_k_that_the_task_chooses_is_written_as_such():
    frame = scores()
    auto = frame[frame["gen"].eq("kmeans") & frame["k"].eq(20)].assign(k=pd.NA)
    both = pd.concat([frame, auto]).astype({"k": "Int64"})
    for name in ("accuracy_over_k", "runtime"):
        table = make_table(name, both)
        assert table.loc[table["GEN"] == "kmeans", "k"].unique().tolist() == ["1", "20", "auto"]


def test_neural_collapse_is_a_mean_over_draws_in_the_order_of_d():
    table = make_table("neural_collapse")
    assert table["task"].tolist() == TASKS  # d10 after d9
    assert table["nc1"].tolist() == pytest.approx([d + 0.1 for d in range(1, 11)])
    assert (table["draws"] == 3).all()


@pytest.mark.parametrize("name", TABLES)
def test_no_results_make_a_table_without_rows_of_results(name, tmp_path):
    empty = make_table(name, scores().iloc[:0], {}, collapse().iloc[:0])
    csv, *_ = save(empty, tmp_path / name)
    assert list(pd.read_csv(csv).columns) == list(make_table(name).columns)


def test_an_unknown_table_is_answered_with_the_known():
    with pytest.raises(UserError, match="unknown table 'metods'; known: accuracy_over_k"):
        TABLES.find("metods")


def test_configurations_are_ranked_over_the_tasks():
    table = make_table("configurations")
    assert table["GEN"].tolist() == ["ls", "kmeans", "mean", "kmeans"]
    assert table["mean rank"].tolist() == [1, 2, 3.5, 3.5]
    assert table["mean (%)"].tolist() == pytest.approx([89.5, 84.5, 74.5, 74.5])
    assert (table["FM x task"] == len(TASKS)).all()


def test_configurations_are_compared_over_the_tasks_that_all_have():
    rows = scores()
    table = make_table("configurations", rows[~((rows["gen"] == "ls") & (rows["d"] > 6))])
    assert (table["FM x task"] == 6).all()
    assert table["mean (%)"][0] == pytest.approx(91.5)
    assert table["note"][0] == (
        "4 (FM, task) left out for lack of results of none ls 1 none none max inner_product (4)."
    )


def test_configurations_begin_with_their_ranks_and_accuracies():
    assert list(make_table("configurations"))[:3] == ["mean rank", "mean (%)", "std (%)"]


def test_named_methods_have_the_means_of_the_paper():
    """Five methods with the means of the paper's figure 2, each best on as many pairs as its rank says here."""
    means = {name: preset.published for name, preset in NAMED.items() if preset.published}
    order = sorted(means, key=means.get, reverse=True)
    assert [means[name] for name in order] == [94.54, 91.06, 86.79, 86.64, 82.90]
    rows = []
    for i, (fm, task) in enumerate(PAPERS_PAIRS):
        for name in order:
            level = means[name]
            if i < 12 and name in (
                "qi",
                "janson",
            ):  # on a quarter of the pairs these two change places
                level = means[{"qi": "janson", "janson": "qi"}[name]]
            elif name in ("qi", "janson"):
                level += (level - means[{"qi": "janson", "janson": "qi"}[name]]) / 3
            columns = NAMED[name].configuration.columns()
            rows.append({**columns, "fm": fm, "task": task, "accuracy": level / 100})
    frame = pd.DataFrame(rows).assign(draw=0, seed=1, shots="full")
    frame = frame.astype({"k": "Int64", "m": "Int64"})
    table = make_table("published_methods", frame, preset_rows(), of_paper=True)
    table = table.set_index("method").loc[[NAMED[name].label for name in order]]
    assert table["mean (%)"].tolist() == pytest.approx([means[name] for name in order])
    assert table["mean rank"].tolist() == [1, 2, 3.25, 3.75, 5]
    assert table["published mean (%)"].tolist() == [means[name] for name in order]


def test_runtime_is_that_of_sets_of_proxies_not_of_their_scores():
    frame = scores()
    # a second way to score the sets of one seed must not give it more weight
    again = frame[frame["seed"] == 0].assign(norm_inf="none")
    table = make_table("runtime", pd.concat([frame, again])).set_index(["GEN", "k"])
    row = table.loc[("kmeans", "20")]
    # k d (seed + 1) seconds: of a task the middle seed, then the median of d = 1..10
    assert row[["generation time (ms)", "lowest (ms)", "highest (ms)"]].tolist() == pytest.approx(
        [220_000, 40_000, 400_000]
    )
    assert row[["proxies", "samples", "FM x task"]].tolist() == [200, 500, 10]
    assert list(table.index) == [("kmeans", "1"), ("kmeans", "20"), ("ls", ""), ("mean", "")]
    assert table["note"].isna().all()


def test_runtime_says_which_rows_cannot_be_compared():
    frame = scores()
    table = make_table("runtime", frame[(frame["gen"] != "ls") | (frame["d"] < 3)])
    assert table.set_index("GEN").loc["ls", "FM x task"] == 2
    assert table["note"][0].startswith("Not all were run on all 10 (FM, task)")
    few = make_table("runtime", frame.assign(shots="5"))
    assert few["samples"].isna().all() and few["proxies"].notna().all()
