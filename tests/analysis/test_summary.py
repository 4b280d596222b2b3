"""The report's opening: what was run and what won, in sentences whose numbers can be checked by hand."""

import numpy as np
import pandas as pd
import pytest

from imprint.analysis import summary
from imprint.analysis.frames import compact
from imprint.method.configuration import Configuration, Fixed, Scoring, parse_k
from imprint.method.presets import published

L2 = Scoring("l2", "l2", "max", "inner_product")


def scores(accuracies, pairs=8):
    """Rows of some configurations on tasks t0, t1, ... of which each has the accuracy given plus 0.01 times its number."""
    rows = [
        {
            "fm": "net",
            "task": f"t{number}",
            "family": f"t{number}",
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
    return pd.DataFrame(
        {"fm": "net", "task": [f"t{i}" for i in range(pairs)], "nc1": np.arange(pairs) / 10}
    )


def mean_and(**more):
    found = {
        Configuration("l2", "mean", Fixed(1), L2): 0.5,
        Configuration("none", "ls", Fixed(1), Scoring("none", "none", "max", "inner_product")): 0.9,
    }
    return found | {
        Configuration("l2", "kmeans", parse_k(k[1:]), L2): accuracy for k, accuracy in more.items()
    }


def test_what_was_run_and_what_won():
    first, methods, best, gain = summary.lines(scores(mean_and(k20=0.6)), collapses(), published())
    assert first.startswith(
        "Run: 48 scores of 1 FM on 8 tasks and families of tasks, with 2 seeds."
    )
    assert (
        "with net on 8 tasks: Least squares (oracle) 93.5% (mean rank 1.0), then Westerhoff et al. 2025 63.5%"
        in methods
    )
    assert best.startswith(
        "Best of the 2 configurations that see one class at a time and were run on all 8 (FM, task): kmeans, k = 20, NORM l2, l2, l2, max"
    )
    assert best.count("63.5%") == 1
    assert "+10.0 points (95% interval +10.0 to +10.0), better on 8 of 8 (FM, task)" in gain


def test_the_gain_follows_neural_collapse():
    frame = scores(mean_and(k1=0.5, k5=0.5))
    number = frame["task"].astype(str).str[1:].astype(int)
    frame.loc[frame["k"] == 5, "accuracy"] += 0.02 * number[frame["k"] == 5]
    said = summary.lines(frame, collapses(), published())[-1]
    # tasks 0 to 3 gain 0, 2, 4, 6 points, those after them 8, 10, 12, 14
    assert (
        "k = 5 gains +3.0 points over k = 1 where NC1 is at most 0.35 and +11.0 where it is more"
        in said
    )
    assert "rho = 1.00" in said


@pytest.mark.parametrize("pairs", [1, 3])
def test_what_the_cells_do_not_tell_is_left_out(pairs):
    said = summary.lines(scores(mean_and(), pairs), collapses(pairs), published())
    assert len(said) == 3
    assert not any("Neural collapse" in line or "Several proxies" in line for line in said)


def test_classes_that_unite_others_are_told_apart():
    rows = scores(mean_and(k20=0.6))
    united = rows["task"].isin(["t6", "t7"])
    rows["d"] = rows["d"].astype("Int64").where(~united, 3)
    (gain,) = (
        line for line in summary.lines(rows, collapses(), published()) if "Several proxies" in line
    )
    assert "better on 6 of 6 (FM, task); by +10.0 points" in gain
    assert gain.endswith("better on 2 of 2 (FM, task) whose classes unite several others.")
