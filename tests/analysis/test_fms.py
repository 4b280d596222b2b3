"""FMs are ranked by what all of them ran, and best configurations go by their names."""

from itertools import product

import pandas as pd
import pytest

from imprint.analysis.fms import compare_fms, configuration_name, speed_conditions
from imprint.method.presets import preset_rows

NORMS = dict.fromkeys(("norm_pre", "norm_post", "norm_inf"), "l2")
MAX = {"agg": "max", "distance": "inner_product"}
MEAN = {**NORMS, **MAX, "gen": "mean", "k": 1, "weighting": None, "m": None}
CLUSTERS = {**MEAN, "gen": "kmeans", "k": 5}
NO_COLLAPSE = pd.DataFrame({"fm": [], "task": [], "nc1": []})


def scores(accuracies):
    """Rows of {(fm, task): (accuracy of the mean, of five clusters)}, three seeds each."""
    rows = [
        {"fm": fm, "task": task, **method, "accuracy": accuracy + noise}
        for (fm, task), of_methods in accuracies.items()
        for (method, accuracy), noise in product(
            zip((MEAN, CLUSTERS), of_methods, strict=False), (-0.01, 0, 0.03)
        )
    ]
    whole = {"k": "Int64", "m": "Int64"}
    return pd.DataFrame(rows).assign(draw=0, shots="full").astype(whole)


def test_a_rank_within_each_task_is_that_of_the_mean_over_configurations():
    result = compare_fms(
        scores(
            {
                ("one", "a"): (0.5, 0.7),
                ("two", "a"): (0.6, 0.62),
                ("one", "b"): (0.9, 0.9),
                ("two", "b"): (0.8, 0.8),
                ("one", "c"): (0.3, 0.4),
                ("two", "c"): (0.3, 0.4),
            }
        ),
        NO_COLLAPSE,
        {},
    )
    # 0.6 against 0.61, 0.9 against 0.8, a tie
    assert result.summary["mean_rank"].to_dict() == pytest.approx({"one": 1.5, "two": 1.5})
    assert result.accuracies.loc["a"].to_dict() == pytest.approx({"one": 0.6, "two": 0.61})
    assert list(result.accuracies.columns) == ["one", "two"]  # equal ranks: the higher mean first
    assert result.summary["best"].to_dict() == pytest.approx({"one": 2 / 3, "two": 1.82 / 3})
    assert set(result.summary["best_configuration"]) == {
        "kmeans, k = 5; NORM l2 throughout; AGG max"
    }
    assert result.configurations == 2 and result.notes == ()


def test_what_one_fm_lacks_counts_for_none():
    result = compare_fms(
        scores({("one", "a"): (0.5, 0.7), ("two", "a"): (0.6,), ("two", "b"): (0.1, 0.2)}),
        NO_COLLAPSE,
        preset_rows(),
    )
    assert result.accuracies.to_dict("index") == {"a": pytest.approx({"two": 0.6, "one": 0.5})}
    assert set(result.summary["best_configuration"]) == {"Qi et al. 2018"}
    assert result.notes == ("Left out, as not all FMs have them: 1 task and 1 configuration.",)


def test_the_best_is_chosen_on_validation_samples_where_scores_have_them():
    frame = scores({("one", "a"): (0.5, 0.7), ("two", "a"): (0.6, 0.9)})
    frame["validation_accuracy"] = (frame["gen"] == "mean").astype(float)
    result = compare_fms(frame, NO_COLLAPSE, {})
    assert result.summary["best"].to_dict() == pytest.approx({"two": 0.6, "one": 0.5})
    assert result.chosen_on == "validation samples"


def test_nc1_is_a_mean_over_shared_tasks_of_means_over_draws():
    frame = scores({("one", "a"): (0.5,), ("two", "a"): (0.6,), ("two", "b"): (0.1,)})
    nc1 = [("one", "a", 1.0), ("one", "a", 3.0), ("two", "a", 5.0), ("two", "b", 99.0)]
    collapse = pd.DataFrame(nc1, columns=["fm", "task", "nc1"])
    result = compare_fms(frame, collapse, {})
    assert result.summary["nc1"].to_dict() == {"one": 2, "two": 5}


def test_fms_without_a_common_configuration_are_not_ranked():
    frame = scores({("one", "a"): (0.5, 0.7), ("two", "a"): (0.6, 0.9)})
    result = compare_fms(frame[(frame["fm"] == "one") == (frame["gen"] == "mean")], NO_COLLAPSE, {})
    assert result.summary["mean_rank"].isna().all() and len(result.summary) == 2
    assert result.notes == (
        "No configuration was run with every FM on every shared task: nothing to rank.",
    )


def test_a_configuration_is_called_by_its_preset_or_its_parts():
    assert configuration_name(MEAN, preset_rows()) == "Qi et al. 2018"
    assert configuration_name(MEAN, {}) == "mean, k = 1; NORM l2 throughout; AGG max"
    nearest = {**CLUSTERS, "k": None, "agg": "mnn", "distance": "cosine", "m": 3}
    name = configuration_name({**nearest, "weighting": "distance"}, preset_rows())
    assert name == "kmeans, k = auto; NORM l2 throughout; AGG 3-nn cosine, distance"


def test_speeds_of_several_devices_are_labelled():
    fms = pd.DataFrame(
        {
            "images_per_second": [40.0, 1200.0, None],
            "device": ["cpu", "NVIDIA A100", None],
            "threads": [1, 1, None],
        }
    )
    assert speed_conditions(fms) == ("Images a second were measured under different conditions.",)
    assert speed_conditions(fms[:1]) == ("Images a second: on cpu with 1 thread.",)
    assert speed_conditions(fms[2:]) == ()
