"""What every kind of edit to a finished study runs, how much of it is computed, and how much reused."""

import copy
import json
import re
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import GIVEN, GRID

pytestmark = pytest.mark.xdist_group("edits")

# The study is that of conftest.py, GIVEN: 2 proxy files, of which `all` is the same for all seeds, and 2 score files of 6
# cells each.
SUMMARY = {"scores": 1, "explorer": 1, "table_configurations": 1}


# how the lines of jobs begin in the terminal, by rule
WORDS = {
    "checking given embeddings": "adopt",
    "neural collapse of": "collapse",
    "collecting neural collapse": "collapses",
    "proxies of": "proxies",
    "scoring": "evaluate",
    "collecting all scores": "scores",
    "page to explore": "explorer",
}
JOB = re.compile(
    r"^ *\d+ of \d+ .{14} (?:(?P<item>table|figure) (?P<name>\w+)|(?P<words>"
    + "|".join(WORDS)
    + r")).*?(?:: (?P<requested>\d+) requested, (?P<computed>\d+) computed.*)?$",
    re.MULTILINE,
)


def ran(given):
    """Run what is to do: the jobs by rule, and what they computed and reused."""
    output = given.snakemake("study")
    jobs, work = Counter(), {}
    for job in JOB.finditer(output):
        rule = f"{job['item']}_{job['name']}" if job["item"] else WORDS[job["words"]]
        jobs[rule] += 1
        if job["requested"]:
            before = work.get(rule, (0, 0))
            work[rule] = (before[0] + int(job["requested"]), before[1] + int(job["computed"]))
    return dict(jobs), work


def grid(**changes):
    return {**GIVEN, "experiments": {"grid": {**GRID, **changes}}}


def experiments(**more):
    return {**GIVEN, "experiments": {"grid": GRID, **more}}


# name: (configuration, jobs by rule, (blocks requested, computed) by rule, jobs when the edit is taken back; None
# if that is not tried, as it is with another edit of the kind)
EDITS = {
    "a k": (
        grid(gen=[{"name": "kmeans", "k": [1, 2, 3]}, {"name": "all"}]),
        {"proxies": 1, "evaluate": 2, **SUMMARY},
        {"proxies": (6, 2), "evaluate": (16, 4)},
        {"proxies": 1, "evaluate": 2, **SUMMARY},
    ),
    "a GEN": (
        grid(gen=[*GRID["gen"], {"name": "mean"}]),
        {"proxies": 1, "evaluate": 2, **SUMMARY},
        {"proxies": (1, 1), "evaluate": (16, 4)},
        None,
    ),
    "a NORMpost": (
        grid(norm_post=["none", "l2"]),
        {"evaluate": 2, **SUMMARY},
        {"evaluate": (24, 12)},
        None,
    ),
    "a NORMpre, with its NORMinf": (
        grid(norm_pre=["none", "l2"], norm_inf=["none", "l2"]),
        {"proxies": 2, "evaluate": 2, **SUMMARY},
        {"proxies": (10, 5), "evaluate": (36, 24)},
        {"proxies": 2, "evaluate": 2, **SUMMARY},
    ),
    "a distance": (
        grid(agg=[{"name": "max"}, {"name": "mnn", "distance": ["euclidean", "cosine"], "m": [3]}]),
        {"evaluate": 1, **SUMMARY},
        {"evaluate": (12, 6)},
        None,
    ),
    "an m": (
        grid(agg=[{"name": "max"}, {"name": "mnn", "distance": ["euclidean"], "m": [3, 5]}]),
        {"evaluate": 1, **SUMMARY},
        {"evaluate": (12, 6)},
        {"evaluate": 1, **SUMMARY},
    ),
    "a seed": (
        {**GIVEN, "seeds": [1, 2, 3]},
        {"proxies": 1, "evaluate": 2, **SUMMARY},
        {"proxies": (6, 2), "evaluate": (18, 2)},  # with k = 1 the proxies of all seeds are equal
        {"proxies": 1, "evaluate": 2, **SUMMARY},
    ),
    "shots": (
        grid(shots=["full", 5]),
        {"proxies": 2, "evaluate": 2, **SUMMARY},
        {"proxies": (6, 6), "evaluate": (12, 12)},
        SUMMARY,
    ),
    "a task on another dataset": (
        grid(tasks=["a", "b"]),
        {"adopt": 2, "collapse": 1, "collapses": 1, "proxies": 2, "evaluate": 2, **SUMMARY},
        {"collapse": (2, 2), "proxies": (5, 5), "evaluate": (12, 12)},
        None,
    ),
    "an FM": (
        grid(fms=["one", "two"]),
        {"adopt": 2, "collapse": 1, "collapses": 1, "proxies": 2, "evaluate": 2, **SUMMARY},
        {"collapse": (2, 2), "proxies": (5, 5), "evaluate": (12, 12)},
        {"collapses": 1, **SUMMARY},
    ),
    "an experiment of cells that are there": (
        experiments(again={**GRID, "gen": [{"name": "all"}]}),
        {"table_configurations": 1},
        {},
        {},
    ),
    "an experiment with cells of its own": (
        experiments(more={**GRID, "gen": [{"name": "ls"}], "seeds": [1]}),
        None,  # it needs the ridge of the FM, given below
        {"proxies": (1, 1), "evaluate": (14, 2)},
        None,
    ),
    "a figure": (
        grid(figures=["accuracy_over_k"]),
        {"figure_accuracy_over_k": 1},
        {},
        {},
    ),
    "a dataset and an FM that nothing uses": (
        {
            **GIVEN,
            "datasets": {**GIVEN["datasets"], "c": {"source": "embeddings", "class_count": 3}},
            "fms": {
                **GIVEN["fms"],
                "three": {"source": "embeddings", "files": {"a": "two-a-{split}.npz"}},
            },
        },
        {},
        {},
        {},
    ),
}
EDITS["an experiment with cells of its own"][0]["fms"] = {
    name: {**fm, "ls_lambda": 0.1} for name, fm in GIVEN["fms"].items()
}
EDITS["an experiment with cells of its own"] = (
    EDITS["an experiment with cells of its own"][0],
    {"proxies": 1, "evaluate": 2, "table_configurations": 2, "scores": 1, "explorer": 1},
    *EDITS["an experiment with cells of its own"][2:],
)


def test_a_dry_run_plans_the_jobs_that_an_edit_runs(given):
    config, jobs, _, _ = EDITS["an experiment with cells of its own"]
    given.configure(config)
    planned = given.planned("study")
    planned.pop("study", None)
    assert planned == jobs


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_costs_what_it_adds_and_taking_it_back_computes_nothing(given, name):
    config, jobs, work, jobs_back = EDITS[name]
    before = given.scores()
    given.configure(config)
    assert ran(given) == (jobs, work)
    after = given.scores()
    both = after.merge(before.drop_duplicates(), how="inner", on=list(before.columns))
    assert len(both) == len(before), "the scores that were there are as they were"
    if jobs_back is None:
        return
    given.configure(GIVEN)
    back, work = ran(given)
    assert back == jobs_back
    assert all(computed == 0 for _, computed in work.values())
    pd.testing.assert_frame_equal(given.scores(), before)


def test_other_embeddings_make_all_of_theirs_anew(given):
    given.configure(grid(fms=["one", "two"]))
    given.snakemake("study")
    with np.load(given.folder / "two-a-train.npz") as file:
        np.savez(
            given.folder / "two-a-train.npz",
            embeddings=file["embeddings"] + 1,
            labels=file["labels"],
        )
    jobs, work = ran(given)
    assert jobs == {
        "adopt": 1,
        "collapse": 1,
        "collapses": 1,
        "proxies": 2,
        "evaluate": 2,
        **SUMMARY,
    }
    assert work == {"collapse": (2, 1), "proxies": (5, 5), "evaluate": (12, 12)}


def test_comments_order_and_layout_run_nothing(given):
    turned = json.dumps(dict(reversed(copy.deepcopy(GIVEN).items())), indent=1)
    given.configure(
        f"# a comment\n{yaml.safe_dump(yaml.safe_load(turned), default_flow_style=True)}"
    )
    assert ran(given) == ({}, {})


def test_without_the_cache_the_scores_are_the_same(given):
    before = given.scores()
    shutil.rmtree(given.folder / "results/cache")
    shutil.rmtree(given.folder / "results/proxies")
    shutil.rmtree(given.folder / "results/scores")
    (given.folder / "results/scores.parquet").unlink()
    _, work = ran(given)
    assert work == {"proxies": (5, 5), "evaluate": (12, 12)}
    pd.testing.assert_frame_equal(given.scores(), before)


def test_the_status_says_what_is_to_do_and_why(given):
    assert "11 of 14 jobs are done; 3 to do: their time is not known yet" in given.imprint("status")
    (given.folder / "results/tables/grid/configurations.csv").unlink()
    assert "its file is gone (1)" in given.imprint("status")
    given.configure(grid(gen=[{"name": "kmeans", "k": [1, 3]}]))
    lines = {line.split()[0]: line for line in given.imprint("status").splitlines() if line}
    assert re.search(r"1 +0 .* its code or its configuration changed \(1\)", lines["proxies"])
    assert re.search(r"2 +0 .* its set of inputs changed \(2\)", lines["evaluate"])
    assert "its inputs are made again (1)" in lines["scores"]
    doctor = given.imprint("doctor")
    assert re.search(r"rule evaluate: 2 jobs, about", doctor), (
        "as the status, though files are there"
    )
    assert "full/all.h5" in given.imprint("status", "--leftovers")
    facts = json.loads(given.imprint("status", "--json"))
    assert facts["rules"]["proxies"]["why"] == {"its code or its configuration changed": 1}
    assert facts["seconds"] > 0


def test_the_cache_is_shown_and_pruned(given):
    given.configure(grid(gen=[{"name": "all"}]))
    given.snakemake("study")
    assert "cache: 19 blocks" in given.imprint("cache")
    facts = json.loads(given.imprint("cache", "--prune", "--json"))
    assert facts["freed"] > 0
    assert {name: rule["blocks"] for name, rule in facts["rules"].items()} == {
        "collapse": 2,
        "explore": 1,
        "proxies": 1,
        "scores": 2,
    }
    given.configure(GIVEN)
    _, work = ran(given)
    assert work == {"evaluate": (12, 8)}, "scores of what was pruned are computed again"


def test_a_gen_of_the_users_own_and_an_edit_of_its_file(given):
    text = """
import numpy as np
from imprint.method.generate import generator

@generator("centre", takes_k=False)
def centre(x, k, random, shared):
    return x.max(axis=0, keepdims=True)
"""
    (given.folder / "own.py").write_text(text)
    config = grid(gen=[*GRID["gen"], {"name": "centre"}]) | {"components": ["own.py"]}
    given.configure(config)
    jobs, work = ran(given)
    assert jobs == {"proxies": 1, "evaluate": 2, **SUMMARY}
    assert work["proxies"] == (1, 1) and work["evaluate"][1] == 4
    before = given.scores()
    (given.folder / "own.py").write_text("# a comment\n" + text)
    assert ran(given) == ({}, {})
    (given.folder / "own.py").write_text(text.replace("max", "mean"))
    jobs, work = ran(given)
    assert jobs == {"proxies": 1, "evaluate": 2, **SUMMARY} and work["proxies"] == (1, 1)
    changed = before["accuracy"] != given.scores()["accuracy"]
    assert set(before["gen"][changed]) == {"centre"}
    (given.folder / "own.py").write_text("def")
    assert "components[0]: own.py cannot be loaded" in given.snakemake("study", succeeds=False)


def test_a_norm_and_an_agg_of_the_users_own_compute_what_uses_them(given):
    """And an edit of one leaves finished work of the others as it is."""
    norm = """
import numpy as np
from imprint.method.normalize import normalization

@normalization("root")
def root(x):
    return np.sign(x) * np.sqrt(np.abs(x))
"""
    agg = """
import numpy as np
from imprint.method.aggregations import aggregation

@aggregation("mean_similarity")
def mean_similarity(similarities, labels, classes):
    return np.stack([similarities[:, labels == c].mean(axis=1) for c in range(classes)], axis=1)
"""
    (given.folder / "root.py").write_text(norm)
    (given.folder / "similarity.py").write_text(agg)
    given.configure(
        grid(norm_post=["none", "root"], agg=[*GRID["agg"], {"name": "mean_similarity"}])
        | {"components": ["root.py", "similarity.py"]}
    )
    jobs, work = ran(given)
    assert jobs == {"evaluate": 3, **SUMMARY}
    assert work["evaluate"][1] > 0
    before = given.scores()
    assert "mean_similarity" in set(before["agg"])
    (given.folder / "root.py").write_text(norm.replace("sqrt", "cbrt"))
    edited_jobs, _ = ran(given)
    assert edited_jobs == jobs
    after = given.scores()
    changed = before["accuracy"] != after["accuracy"]
    assert set(before["norm_post"][changed]) == {"root"}
    (given.folder / "similarity.py").write_text(agg.replace("mean(axis", "min(axis"))
    edited_jobs, _ = ran(given)
    assert edited_jobs == {"evaluate": 1, **SUMMARY}
    changed = after["accuracy"] != given.scores()["accuracy"]
    assert set(after["agg"][changed]) == {"mean_similarity"}
