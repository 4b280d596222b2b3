"""Two studies side by side, as `imprint diff` prints them."""

import json

import pandas as pd
import pytest

from imprint.store.frames import write_parquet

MAX = {"agg": "max", "distance": "inner_product", "weighting": None, "m": None}
NORMS = dict.fromkeys(("norm_pre", "norm_post", "norm_inf"), "l2")


def scores(fms, tasks, more=0.0):
    rows = [
        {"fm": fm, "task": task, "shots": "full", "draw": 0, "seed": seed, "gen": "kmeans", "k": k}
        for fm in fms
        for task in tasks
        for seed in (1, 2)
        for k in (1, 5)
    ]
    frame = pd.DataFrame(rows).assign(**NORMS, **MAX, accuracy=0.5)
    frame.loc[frame["k"] == 5, "accuracy"] += more
    return frame.astype({"k": "Int64", "m": "Int64"})


@pytest.fixture
def imprint(tmp_path, monkeypatch, run):
    """Run a command where the studies `before` and `after` lie."""
    monkeypatch.chdir(tmp_path)
    for name, frame in (
        ("before", scores(["net", "old"], ["a", "b"])),
        ("after", scores(["net", "new"], ["a", "b", "c"], more=0.01)),
    ):
        write_parquet(tmp_path / name / "results" / "scores.parquet", frame, "{}")

    return run


def test_the_first_lines_say_how_much_is_equal_and_how_much_the_rest_differs(imprint):
    lines = imprint("diff before/results after/results").splitlines()
    assert lines[:2] == [
        "8 runs are in both studies, 8 only in A, 16 only in B.",
        "4 scores are equal. Accuracy of B - A in points: mean +0.50, median +0.50, largest +1.00.",
    ]
    words = [line.split() for line in lines]
    assert ["net", "8", "4", "0", "4", "+0.50", "+0.50", "+1.00"] in words
    assert ["a", "4", "2", "4", "4", "+0.50", "+0.50", "+1.00"] in words
    assert ["c", "0", "0", "0", "8"] in words
    assert any(line.startswith("kmeans, k = 5; NORM l2 throughout; AGG max ") for line in lines)


def test_json_and_csv_have_every_number(imprint, tmp_path):
    facts = json.loads(
        imprint("diff before/results/scores.parquet after/results --json -o out/runs.csv")
    )
    assert (facts["pairs"], facts["equal"], facts["only_a"], facts["only_b"]) == (8, 4, 8, 16)
    assert facts["largest"] == pytest.approx(1)
    assert [row["task"] for row in facts["by"]["task"]] == ["a", "b", "c"]
    assert facts["by"]["fm"][-1]["mean"] is None
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert len(runs) == 8 + 8 + 16
    assert runs.loc[runs["fm"] == "old", "accuracy_b"].isna().all()
    assert runs.loc[runs["task"] == "c", "difference"].isna().all()


def test_two_fms_are_paired_by_the_rest(imprint):
    output = imprint("diff before/results after/results --fm-a old --fm-b new")
    assert output.startswith("8 runs are in both studies, 0 only in A, 4 only in B.")
    assert "old and new" in output


def test_studies_without_a_common_run_are_reported_as_such(imprint, tmp_path):
    write_parquet(tmp_path / "other.parquet", scores(["x"], ["a"]), "{}")
    output = imprint("diff before/results other.parquet")
    assert "0 runs are in both studies, 16 only in A, 4 only in B." in output
    assert "Nothing to compare" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("before after/results", "before holds no finished study: it has no scores.parquet"),
        ("nowhere after/results", "nowhere does not exist"),
        ("before/results no.parquet", "no.parquet holds no scores of a study: it has no column"),
        ("before/results after/results --fm-a old", "--fm-a and --fm-b go together"),
        ("before/results after/results --fm-a old --fm-b nwe", "did you mean 'new'?"),
    ],
)
def test_what_is_no_study_is_named(imprint, tmp_path, arguments, message):
    write_parquet(tmp_path / "no.parquet", pd.DataFrame({"nc1": [1.0]}), "{}")
    assert message in imprint(f"diff {arguments}", code=2)
