"""Accuracies by task and method: paired by FM and task, medians over seeds, gaps where a method was not run."""

import numpy as np
import pandas as pd
import pytest

from imprint.analysis import matrices
from imprint.analysis.frames import compact
from imprint.method.presets import PRESETS

QI = PRESETS["qi"].configuration.columns()


KMEANS = {**QI, "gen": "kmeans", "k": 20}


JANSON = {
    **QI,
    "norm_pre": "none",
    "norm_post": "none",
    "norm_inf": "none",
    "agg": "mnn",
    "distance": "euclidean",
    "weighting": "uniform",
    "m": 1,
}


def cells(method, accuracies, *, fm="resnet", task="digits", shots="full"):
    """Rows of one method on one task: an accuracy per seed."""
    rows = [
        {**method, "fm": fm, "task": task, "shots": shots, "seed": i, "accuracy": a}
        for i, a in enumerate(accuracies)
    ]
    return pd.DataFrame(rows)


def scores(*parts):
    return compact(pd.concat(parts, ignore_index=True))


def test_accuracy_is_the_median_over_seeds():
    matrix = matrices.accuracy_matrix(
        scores(cells(QI, [0.1, 0.8, 0.9]), cells(KMEANS, [0.7])), {"qi": QI, "km": KMEANS}
    )
    assert matrix.loc[("resnet", "digits")].tolist() == [0.8, 0.7]


def test_methods_are_paired_by_fm_and_task_not_by_row():
    rng = np.random.default_rng(0)
    parts = [
        cells(m, rng.uniform(size=3), fm=fm, task=task)
        for fm in "ab"
        for task in "xyz"
        for m in (QI, KMEANS)
    ]
    frame = scores(*parts)
    straight = matrices.accuracy_matrix(frame, {"qi": QI, "km": KMEANS})
    shuffled = matrices.accuracy_matrix(
        frame.sample(frac=1, random_state=1), {"qi": QI, "km": KMEANS}
    )
    pd.testing.assert_frame_equal(straight, shuffled.loc[straight.index])


def test_a_method_that_lacks_a_task_has_a_gap_there():
    frame = scores(
        cells(QI, [0.5], task="x"), cells(QI, [0.6], task="y"), cells(KMEANS, [0.7], task="y")
    )
    matrix = matrices.accuracy_matrix(frame, {"qi": QI, "km": KMEANS, "janson": JANSON})
    assert list(matrix.columns) == ["qi", "km", "janson"]
    assert matrix["km"].isna().tolist() == [True, False]
    assert matrix["janson"].isna().all()


def test_every_configuration_has_its_column_of_medians():
    few = cells(QI, [0.9, 0.9, 0.9], shots="5")
    frame = scores(
        few, cells(QI, [0.1, 0.8, 0.9]), cells(KMEANS, [0.7], task="other"), cells(JANSON, [0.5])
    )
    configurations, matrix = matrices.by_configuration(frame)
    assert configurations["gen"].tolist() == ["mean", "kmeans", "mean"]
    assert configurations["m"].tolist() == [pd.NA, pd.NA, 1]
    assert matrix.loc[("resnet", "digits")].tolist() == pytest.approx(
        [0.8, np.nan, 0.5], nan_ok=True
    )
    assert matrix.loc[("resnet", "other")].tolist() == pytest.approx(
        [np.nan, 0.7, np.nan], nan_ok=True
    )
    assert all(table.empty for table in matrices.by_configuration(frame.iloc[:0]))


def test_no_method_in_the_scores_gives_an_empty_matrix():
    assert matrices.accuracy_matrix(scores(cells(QI, [0.5])), {"janson": JANSON}).empty


@pytest.mark.parametrize("stored", [JANSON, {**JANSON, "agg": "max", "weighting": None, "m": None}])
@pytest.mark.parametrize("wanted", [JANSON, {**JANSON, "agg": "max", "weighting": None, "m": None}])
def test_the_nearest_proxy_is_one_rule_under_two_names(stored, wanted):
    other = cells({**JANSON, "m": 3}, [0.1])
    rows = matrices.rows_of_method(scores(other, cells(stored, [0.9]), cells(QI, [0.2])), wanted)
    assert rows["accuracy"].tolist() == [0.9]


def test_votes_are_distinguished_by_m_and_weighting():
    three = {**JANSON, "m": 3}
    weighted = {**three, "weighting": "distance"}
    frame = scores(cells(JANSON, [0.1]), cells(three, [0.2]), cells(weighted, [0.3]))
    assert matrices.rows_of_method(frame, three)["accuracy"].tolist() == [0.2]
    assert matrices.rows_of_method(frame, weighted)["accuracy"].tolist() == [0.3]


def test_two_temperatures_of_logsumexp_are_two_methods():
    cold = {**QI, "agg": "logsumexp", "weighting": "exponential(50)"}
    warm = {**cold, "weighting": "exponential(5)"}
    frame = scores(cells(QI, [0.1]), cells(cold, [0.2]), cells(warm, [0.3]))
    assert matrices.rows_of_method(frame, cold)["accuracy"].tolist() == [0.2]
    assert matrices.rows_of_method(frame, warm)["accuracy"].tolist() == [0.3]


def test_all_samples_are_preferred_to_few_shots():
    few, more = cells(QI, [0.1], shots="5"), cells(QI, [0.2], shots="10")
    assert matrices.fullest(scores(few, more))["accuracy"].tolist() == [0.2]
    assert matrices.fullest(scores(few, more, cells(QI, [0.3])))["accuracy"].tolist() == [0.3]


def test_a_preset_that_gets_everything_wrong_was_run_all_the_same():
    presets = {
        name: {**QI, "gen": gen, "label": name, "published": published}
        for name, gen, published in (
            ("qi", "mean", 87.0),
            ("bad", "ls", False),
            ("no", "kls", False),
        )
    }
    frame = scores(cells(QI, [0.5]), cells({**QI, "gen": "ls"}, [0.0]))
    assert list(matrices.preset_matrix(frame, presets)) == ["qi", "bad"]
