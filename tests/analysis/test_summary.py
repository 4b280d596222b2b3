"""The report's opening: what was run and what won, in sentences whose numbers can be checked by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from imprint.analysis import summary
from imprint.analysis.frames import compact
from imprint.method.configuration import FIELDS, Configuration, Fixed, Scoring, parse_k
from imprint.method.presets import PRESETS, preset_rows

L2 = Scoring("l2", "l2", "max", "inner_product")


def scores(accuracies, pairs=8):
    """Rows of some configurations on tasks t0, t1, ... of which each has the accuracy given plus 0.01 times its number."""
    rows = [
        {
            "fm": "net",
            "task": f"t{number}",
            "family": f"t{number}",
            "datasets": f"t{number}",
            "d": None,
            "draw": 0,
            "shots": "full",
            **configuration.columns(),
            "seed": seed,
            "accuracy": accuracy + 0.01 * number,
        }
        for configuration, accuracy in accuracies.items()
        for number in range(pairs)
        for seed in (1, 2)
    ]
    return compact(pd.DataFrame(rows))


def collapses(pairs=8):
    tasks = [f"t{i}" for i in range(pairs)]
    nc1 = np.arange(pairs) / 10
    of_split = {"split": "train", "draw": 0, "d": np.nan, "nc1": nc1}
    return pd.DataFrame({"fm": "net", "task": tasks, **of_split})


def mean_and(**more):
    accuracies = {
        Configuration("l2", "mean", Fixed(1), L2): 0.5,
        Configuration("none", "ls", Fixed(1), Scoring("none", "none", "max", "inner_product")): 0.9,
    }
    return accuracies | {
        Configuration("l2", "kmeans", parse_k(k[1:]), L2): accuracy for k, accuracy in more.items()
    }


def test_what_was_run_and_what_won():
    first, methods, differences, best, gain = summary.lines(
        scores(mean_and(k20=0.6)), collapses(), preset_rows()
    )
    assert first.startswith("Run: 48 scores of 1 FM on 8 tasks from 8 datasets, with 2 seeds.")
    assert (
        "with net on 8 tasks: Least squares (oracle) 1.0 (93.5%), Westerhoff et al. 2025 2.0 (63.5%)"
        in methods
    )
    assert differences == (
        "Differences between them: 3 of 3 pairs of named methods differ over 8 datasets (signed-rank, Holm, p < 0.05): "
        "on a typical dataset Least squares (oracle) above Qi et al. 2018 by 40.0 points; "
        "Least squares (oracle) above Westerhoff et al. 2025 by 30.0 points; "
        "Westerhoff et al. 2025 above Qi et al. 2018 by 10.0 points."
    )
    assert best.startswith(
        "Best mean accuracy of the 3 configurations that were run on all 8 pairs of FM and task: ls, k = 1; NORM none throughout; AGG max: 93.5%"
    )
    assert best.endswith(
        "that see one class at a time kmeans, k = 20; NORM l2 throughout; AGG max: 63.5%."
    )
    assert (
        "typically by +10.0 points over 8 datasets (95% interval +10.0 to +10.0), better in 8 of 8 pairs"
        in gain
    )


def test_without_runs_of_all_samples_the_shots_are_named():
    rows = scores(mean_and(k20=0.6))
    few = summary.lines(rows.assign(shots="20"), collapses(), preset_rows())
    assert few[0].endswith("pairs of FM and task; 20 shots.")
    pairs = len(rows[["fm", "task"]].drop_duplicates())
    mixed = rows.assign(shots=np.where(rows["task"] == rows["task"].iloc[0], "full", "20"))
    left_out = len(mixed[mixed["shots"] == "20"][["fm", "task"]].drop_duplicates())
    assert summary.lines(mixed, collapses(), preset_rows())[0].endswith(
        f"Left out: {left_out} of {pairs} pairs, run with fewer training images only."
    )
    full = summary.lines(rows, collapses(), preset_rows())
    assert full[0].endswith("pairs of FM and task.") and few[1:] == full[1:]


def test_configurations_that_were_run_with_fewer_images_only_are_told():
    rows = scores(mean_and(k20=0.6, k5=0.9))
    rows = rows.assign(shots=np.where((rows["gen"] == "kmeans") & (rows["k"] == 5), "20", "full"))
    sentences = summary.lines(rows, collapses(), preset_rows())
    every = len(rows[[*FIELDS]].drop_duplicates())
    assert f"Left out: 1 of {every} configurations, run with fewer training" in sentences[0]
    (best,) = (line for line in sentences if line.startswith("Best"))
    assert f"of the {every - 1} configurations that were run with all training images on" in best


def test_a_family_of_several_tasks_says_how_many():
    rows = scores(mean_and(k20=0.6))
    rows["family"] = rows["task"].where(~rows["task"].isin(["t5", "t6", "t7"]), "t5")
    first = summary.lines(rows, collapses(), preset_rows())[0]
    assert "of 1 FM on 8 tasks (t5: 3) from 8 datasets" in first


def test_an_outlier_that_raises_a_mean_does_not_put_its_method_above():
    rows = scores(mean_and(k20=0.6), pairs=12)
    rows.loc[(rows["k"] == 20) & (rows["task"] == "t3"), "accuracy"] -= 5
    others = {name: preset for name, preset in preset_rows().items() if preset["gen"] != "ls"}
    _, methods, differences, _, gain = summary.lines(rows, collapses(12), others)
    assert "Qi et al. 2018 1.9 (55.5%)" in methods
    assert differences.endswith(
        "on a typical dataset Westerhoff et al. 2025 above Qi et al. 2018 by 10.0 points."
    )
    assert "typically by +10.0 points over 12 datasets" in gain


def test_a_small_difference_is_not_reported_as_zero():
    rows = scores(mean_and(k20=0.5001))
    assert "Westerhoff et al. 2025 above Qi et al. 2018 by less than 0.1 points." in summary.lines(
        rows, collapses(), preset_rows()
    )[2]  # fmt: skip


def test_a_method_that_was_run_on_one_task_takes_none_away_from_the_others():
    rows = scores(mean_and(k20=0.6))
    once = scores({PRESETS["probe"].configuration: 0.7}, pairs=1)
    _, methods, differences, *_ = summary.lines(
        compact(pd.concat([rows, once])), collapses(), preset_rows()
    )
    assert "with net on 8 tasks" in methods
    assert methods.endswith(
        "Left out, run on less than half of the (FM, task): Linear probe (reference) (1)."
    )
    assert "3 of 3 pairs of named methods differ over 8 datasets" in differences


def test_methods_that_were_run_on_some_tasks_have_a_ranking_of_their_own():
    rows = scores(mean_and(k20=0.6))
    some = scores({PRESETS["probe"].configuration: 0.7}, pairs=3)
    _, methods, _, also, *_ = summary.lines(
        compact(pd.concat([rows, some])), collapses(), preset_rows()
    )
    assert "with net on 8 tasks" in methods and "Linear probe (reference) (3)" in methods
    assert also == (
        "All named methods, with net on 3 tasks: Least squares (oracle) 1.0 (91.0%), "
        "Linear probe (reference) 2.0 (71.0%), Westerhoff et al. 2025 3.0 (61.0%), Qi et al. 2018 4.0 (51.0%)."
    )


def test_a_task_of_several_datasets_joins_them_only_where_it_is_compared():
    rows = scores(mean_and(k20=0.6))
    more = scores({Configuration("l2", "kmeans", Fixed(3), L2): 0.7}, pairs=1)
    more = more.assign(task="all", family="all", datasets="+".join(f"t{i}" for i in range(8)))
    first, _, differences, _, gain = summary.lines(
        compact(pd.concat([rows, more])), collapses(), preset_rows()
    )
    assert "9 tasks from 8 datasets" in first
    assert "differ over 8 datasets" in differences and "over 8 datasets" in gain


@pytest.mark.parametrize(
    ("norm_pre", "norm_post", "norm_inf"),
    [("l2", "whiten+l2", "l2"), ("center", "l2", "center"), ("l2", "quantile", "l2"), ("l2", "mine", "l2")],
)  # fmt: skip
def test_norms_that_see_all_classes_are_none_that_see_one_at_a_time(norm_pre, norm_post, norm_inf):
    """Nor is one that is not registered: nothing is known about it."""
    scoring = Scoring(norm_post, norm_inf, "max", "inner_product")
    other = {Configuration(norm_pre, "mean", Fixed(1), scoring): 0.8}
    (best,) = (
        line
        for line in summary.lines(scores(mean_and(k20=0.6) | other), collapses(), preset_rows())
        if line.startswith("Best")
    )
    verb = "known to" if norm_post == "mine" else "that"
    assert f"of those {verb} see one class at a time kmeans, k = 20; NORM l2 throughout" in best


def test_one_configuration_is_the_only_one():
    qi = {PRESETS["qi"].configuration: 0.5}
    (best,) = (
        line
        for line in summary.lines(scores(qi), collapses(), preset_rows())
        if line.startswith("Best")
    )
    assert best.startswith("Best mean accuracy of the only configuration run on all 8 pairs")


def test_the_best_is_of_all_configurations_that_were_run_on_these_pairs():
    rows = scores(mean_and(k1=0.5, k2=0.6, k3=0.7, k5=0.8), pairs=10)
    rows = rows[rows["gen"] == "kmeans"]
    lacking = {2: ["t9"], 3: ["t0"], 5: ["t0", "t9"]}  # k = 5 has eight of ten pairs
    for k, tasks in lacking.items():
        rows = rows[(rows["k"] != k) | ~rows["task"].isin(tasks)]
    (best,) = (
        line
        for line in summary.lines(rows, collapses(10), preset_rows())
        if line.startswith("Best")
    )
    assert "of the 4 configurations that were run on 8 of the 10 pairs" in best
    assert "kmeans, k = 5; NORM l2 throughout; AGG max: 84.5%" in best


def test_the_best_is_said_to_share_its_mean_accuracy():
    """Sums in another order differ by rounding errors."""
    rows = scores(mean_and(k2=0.8, k3=0.8 + 1e-14, k5=0.7), pairs=3)
    (best,) = (line for line in summary.lines(rows, collapses(3), preset_rows()) if "Best" in line)
    alone = scores(mean_and(k2=0.8, k3=0.79, k5=0.7), pairs=3)
    assert re.search(r"k = [23];.*%, the same as 1 other\.", best)
    assert not any(
        "the same as" in line for line in summary.lines(alone, collapses(3), preset_rows())
    )


def test_what_few_pairs_lack_is_not_left_out():
    """Two of three is less than nine tenths: the best of two tasks would contradict the ranking over three."""
    rows = scores(mean_and(k2=0.6, k5=0.8), pairs=3)
    rows = rows[(rows["gen"] != "kmeans") | (rows["k"] != 5) | (rows["task"] != "t2")]
    (best,) = (line for line in summary.lines(rows, collapses(3), preset_rows()) if "Best" in line)
    assert (
        "of the 3 configurations that were run on all 3 pairs" in best and "kmeans, k = 2;" in best
    )


def test_a_gen_of_the_users_without_k_is_not_said_to_choose_k():
    """The file that defines it is not loaded for the summary."""
    rows = scores({Configuration("l2", "mine", parse_k("all"), L2): 0.5})
    (best,) = (line for line in summary.lines(rows, collapses(), preset_rows()) if "Best" in line)
    assert "on all 8 pairs of FM and task: mine; NORM l2 throughout" in best


def test_methods_on_one_dataset_are_not_reported_as_different():
    rows = scores(mean_and(k20=0.6)).assign(datasets="one")
    sentences = summary.lines(rows, collapses(), preset_rows())
    assert sentences[2] == (
        "Differences between them: not tested. "
        "One dataset is too few to generalise to others: a test over datasets needs at least 6."
    )
    assert "by +10.0 points on one (8 pairs), better in 8 of 8 pairs" in sentences[-1]


def test_too_few_datasets_for_so_many_methods_are_reported():
    sentences = summary.lines(scores(mean_and(k20=0.6), pairs=6), collapses(6), preset_rows())
    assert sentences[2] == (
        "Differences between them: with 6 datasets no two of 3 methods can differ significantly (signed-rank, Holm, p < 0.05), "
        "which needs 7; "
        "the table of tests has an interval for each difference by itself."
    )


def test_one_pair_is_not_all_pairs():
    sentences = summary.lines(scores(mean_and(k20=0.6), pairs=1), collapses(1), preset_rows())
    assert any("configurations that were run on the FM and task: ls" in line for line in sentences)


def test_gains_are_reported_for_collapsed_classes_and_for_others():
    frame = scores(mean_and(k1=0.5, k5=0.5))
    number = frame["task"].astype(str).str[1:].astype(int)
    frame.loc[frame["k"] == 5, "accuracy"] -= 0.02 * number[frame["k"] == 5]
    sentence = summary.lines(frame, collapses().assign(nc1=np.arange(8) / 4), preset_rows())[-1]
    # NC1 is at most 1 on tasks 0 to 4, which gain 0, -2, -4, -6, -8 points, and above on those that gain -10, -12, -14
    assert sentence == (
        "Neural collapse: going from k = 1 to k = 5 changes the accuracy, here the mean over seeds and draws, "
        "by -4.0 points where NC1 is at most 1 (5 pairs) "
        "and by -12.0 points where NC1 is above 1 (3 pairs)."
    )


def test_the_reported_gain_is_that_of_the_figure():
    """A mean over seeds and draws: a median over them would tell other numbers."""
    two = scores(mean_and(k1=0.5, k5=0.5))
    frame = pd.concat([two, two[two["seed"] == 1].assign(seed=3)], ignore_index=True)
    frame.loc[frame["k"].eq(5) & frame["seed"].eq(2), "accuracy"] += 0.1
    sentence = summary.lines(frame, collapses().assign(nc1=np.arange(8) / 4), preset_rows())[-1]
    assert "by +3.3 points where NC1 is at most 1" in sentence


@pytest.mark.parametrize("pairs", [1, 3])
def test_what_the_cells_do_not_tell_is_left_out(pairs):
    sentences = summary.lines(scores(mean_and(), pairs), collapses(pairs), preset_rows())
    assert len(sentences) == 4
    assert not any("Neural collapse" in line or "Several proxies" in line for line in sentences)


def test_classes_that_unite_others_are_reported_separately():
    rows = scores(mean_and(k20=0.6))
    united = rows["task"].isin(["t6", "t7"])
    rows["d"] = rows["d"].astype("Int64").where(~united, 3)
    (gain,) = (
        line
        for line in summary.lines(rows, collapses(), preset_rows())
        if "Several proxies" in line
    )
    assert (
        'better in 6 of 6 pairs. On tasks "d in 1" with d above 1 it changes by +10.0 points on t6 (1 pair), +10.0 points on t7 (1 pair)'
        in gain
    )
    assert gain.endswith(
        "better in 2 of 2 pairs. 2 datasets are too few to generalise to others: a test over datasets needs at least 6."
    )
    # two datasets, of which one has classes that unite others
    rows["datasets"] = rows["task"].map(lambda task: "a" if task in ("t5", "t6", "t7") else "b")
    (gain,) = (
        line
        for line in summary.lines(rows, collapses(), preset_rows())
        if "Several proxies" in line
    )
    assert "2 datasets are too few" in gain and "One dataset" not in gain


@pytest.mark.parametrize(("accuracy", "points", "better"), [(0.63, "+3.0", 8), (0.55, "-5.0", 0)])
def test_whitened_means_are_set_against_several_proxies_with_the_sign(accuracy, points, better):
    whitened = PRESETS["whiten"].configuration
    rows = scores(mean_and(k20=0.6) | {whitened: accuracy})
    (sentence,) = (line for line in summary.lines(rows, collapses(), preset_rows()) if line.startswith("Whitening"))  # fmt: skip
    assert sentence == (
        "Whitening: replacing 20 k-means proxies per class (NORM l2) by one whitened mean (NORM l2 / whiten+l2 / l2) "
        f"changes the accuracy typically by {points} points over 8 datasets (95% interval {points} to {points}), "
        f"better in {better} of 8 pairs."
    )
    (sentence,) = (line for line in summary.lines(rows.assign(datasets="one"), collapses(), preset_rows()) if line.startswith("Whitening"))  # fmt: skip
    assert sentence.endswith("One dataset is too few to generalise to others: a test over datasets needs at least 6.")  # fmt: skip
