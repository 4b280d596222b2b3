"""A study from configuration to report, and what edits to it run again."""

import copy
import json
import os
import random
import re
import signal
import subprocess
import time

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import ROOT, TINY

pytestmark = pytest.mark.xdist_group("workflow")


def edited(**changes):
    config = copy.deepcopy(TINY)
    config.update(changes)
    return config


def with_k(*ks):
    config = copy.deepcopy(TINY)
    config["experiments"]["number-of-proxies"]["gen"][0]["k"] = list(ks)
    return config


def test_a_dry_run_of_a_fresh_study_plans_everything_and_makes_nothing(empty):
    planned = empty.planned()
    assert planned["embed"] == 4
    assert planned["proxies"] == 2 * 4  # tasks x (mean, ls, all, kmeans)
    assert planned["evaluate"] == 2 * 2
    assert planned["report"] == 1
    assert not (empty.folder / "results").exists()


def test_braces_in_titles_are_no_wildcards(empty):
    config = copy.deepcopy(TINY)
    config["title"] = "Heads of {fm} and {{task}}"
    config["experiments"]["methods"]["about"] = "Is {x} best?"
    empty.configure(config)
    assert empty.planned("results/report.html")["report"] == 1


def test_the_whole_chain_ends_in_a_report(finished):
    results = finished.folder / "results"
    report = (results / "report.html").read_text()
    assert report.index("<h2>Methods") < report.index("<h2>Number of proxies")
    assert "How to read it." in report, "captions are there"
    assert "neural collapse: nothing to show. No task with k-means at k = 1" in report
    assert report.count("<img ") == 5, "a picture of each figure that shows something"
    assert "<html" in (results / "workflow-report.html").read_text()[:2000].lower()
    for name in ("published_methods", "critical_difference"):
        for kind in ("png", "pdf"):
            assert (results / f"figures/methods/{name}.{kind}").stat().st_size > 1000
    for kind in ("csv", "md", "html"):
        assert "Qi et al." in (results / f"tables/methods/published_methods.{kind}").read_text()
    output = (finished.folder / "said.txt").read_text()
    assert "The report is results/report.html" in output


def test_the_terminal_has_one_line_a_job(finished):
    """Where it is a file or a pipe: plain lines, no more than twice as many as jobs."""
    output = (finished.folder / "said.txt").read_text()
    total = int(re.search(r"^(\d+) jobs to do on 2 cores$", output, re.M)[1])
    numbers = re.findall(rf"^ *(\d+) of {total}  (?!.*  now )", output, re.M)
    assert sorted(map(int, numbers)) == list(range(1, total + 1))
    assert len(output.splitlines()) <= 2 * total
    assert output.isprintable() or set(filter(lambda sign: not sign.isprintable(), output)) == {
        "\n"
    }
    assert re.search(r"embedding digits \(train\) by net: [\d.]+ s", output)
    assert re.search(r"scoring digits on net by max, shots full: [\d.]+ s; cells: ", output)
    assert re.search(r"~\d+ (s|min) left", output)


def test_every_cell_has_its_row(finished):
    scores = finished.scores()
    # five methods and (kmeans 1 and 3, all) of which kmeans and all are l2; per task draws x seeds rows
    cells = {"digits": 6 * 1 * 2, "glyphs-d2": 6 * 2 * 2}
    assert scores.groupby("task").size().to_dict() == cells
    assert (scores.loc[scores["task"] == "digits", "accuracy"] > 0.2).all(), "better than chance"
    assert not scores.drop(columns=["accuracy", "balanced_accuracy", "macro_f1"]).duplicated().any()


def test_files_say_where_they_come_from(finished):
    with h5py.File(finished.folder / "results/embeddings/net/digits/train.h5") as file:
        source = json.loads(file.attrs["provenance"])
        assert file["embeddings"].shape == (120, 96)
    assert source["fm"] == "net"
    assert source["dataset"] == "digits"
    assert len(source["weights_sha256"]) == 64


def test_a_second_run_does_nothing(done):
    assert "Nothing to be done" in done.snakemake()


def test_what_is_lost_of_a_finished_study_is_made_again(done):
    """Snakemake makes a lost file again only where a target, or a job that runs, asks for it."""
    results = done.folder / "results"
    lost = [
        [results / "scores.parquet"],
        [results / "collapse.parquet"],
        [  # each by itself: nothing is made from them
            results / "summary.txt",
            min(results.glob("tables/*/*.csv")),
            min(results.glob("figures/*/*.png")),
        ],
    ]
    before = done.scores()
    for paths in lost:
        for path in paths:
            path.unlink()
        assert done.imprint("status").count("its file is gone (1)") == len(paths), paths
        done.snakemake()
        assert all(path.exists() for path in paths), paths
    assert done.planned() == {}
    pd.testing.assert_frame_equal(done.scores(), before)


def test_comments_order_and_layout_of_the_configuration_run_nothing(done):
    turned = dict(reversed(list(TINY.items())))
    done.configure("# a comment\n" + json.dumps(turned, indent=3))
    assert done.planned() == {}


def test_a_new_k_runs_only_what_depends_on_it_and_changes_no_other_score(done):
    before = done.scores()
    done.configure(with_k(1, 3, 2))
    planned = done.planned()
    assert planned["proxies"] == 2
    assert planned["evaluate"] == 2
    assert {"embed", "pretrain", "dataset", "collapse"}.isdisjoint(planned)
    done.snakemake()
    after = done.scores()
    assert len(after) == len(before) + 6
    pd.testing.assert_frame_equal(
        after[(after["k"] != 2).fillna(True)].reset_index(drop=True), before
    )


def test_a_k_taken_away_runs_its_gen_and_the_scores_alone(done):
    done.configure(with_k(1))
    planned = done.planned()
    assert (planned["proxies"], planned["evaluate"]) == (2, 2)
    assert {"embed", "pretrain", "dataset", "collapse"}.isdisjoint(planned)


def test_regrouping_the_same_cells_computes_none_of_them(done):
    config = copy.deepcopy(TINY)
    config["experiments"]["again"] = {"presets": ["qi"], "tables": ["published_methods"]}
    done.configure(config)
    planned = done.planned()
    pages = {"report": 1, "workflow_report": 1, "all": 1}
    assert planned == {"table_published_methods": 1, **pages}


def test_one_experiment_alone_runs_what_it_needs(empty):
    config = copy.deepcopy(TINY)
    config["experiments"]["few-shot"] = {
        "tasks": ["digits"],
        "shots": [1, 3],
        "gen": [{"name": "mean"}],
        "figures": ["few_shot"],
        "tables": ["gen"],
    }
    empty.configure(config)
    assert empty.planned("few-shot") == {
        "pretrain": 1,
        "dataset": 2,
        "embed": 2,  # digits alone; the FM is pre-trained on the images of glyphs
        "collapse": 1,
        "proxies": 2,
        "evaluate": 2,
        "figure_few_shot": 1,
        "table_gen": 1,
        "experiment_report": 1,
        "few-shot": 1,
    }


def test_a_page_is_made_anew_when_what_it_says_changes_and_only_then(done):
    config = copy.deepcopy(TINY)
    config["experiments"]["methods"]["about"] = "Which head is best?"
    done.configure(config)
    assert done.planned() == {"report": 1, "all": 1}


@pytest.mark.parametrize("where", ["config.yaml", "--configfile", "--config"])
def test_a_broken_configuration_stops_before_any_job_without_a_traceback(empty, where):
    broken = with_k(0)
    broken["tasks"]["digits"] = {"datasets": "digitz"}
    text = yaml.safe_dump(broken)
    if where == "config.yaml":
        empty.configure(text)
        output = empty.snakemake(succeeds=False)
    else:
        (empty.folder / "other.yaml").write_text(text)
        choice = (
            ["--configfile", "other.yaml"]
            if where == "--configfile"
            else ["--config", "study=other.yaml"]
        )
        output = empty.snakemake(*choice, succeeds=False)
        # Snakemake does not tell a workflow the names of its --configfile
        where = "the configuration" if where == "--configfile" else "other.yaml"
    assert f"{where} is not usable, 2 problems:" in output
    assert "experiments.number-of-proxies.gen[0].k[0]: 0 is not a positive number" in output
    assert "did you mean 'digits', or is that name mistyped?" in output
    assert "Traceback" not in output
    assert not (empty.folder / "results").exists()


def test_invalid_yaml_is_reported_with_its_location(empty):
    empty.configure("fms: [\n")
    output = empty.snakemake(succeeds=False)
    assert "config.yaml is not usable, 1 problem:" in output
    assert "invalid YAML" in output
    assert "Traceback" not in output


def test_a_missing_configuration_is_named(empty):
    (empty.folder / "config.yaml").unlink()
    for name, choice in (("config.yaml", []), ("other.yaml", ["--config", "study=other.yaml"])):
        output = empty.snakemake(*choice, succeeds=False)
        assert f"{name} is not usable, 1 problem:\n  there is no such file" in output
        assert "Traceback" not in output


def test_keys_of_the_study_can_be_given_on_the_command_line(done):
    planned = done.planned("--config", "seeds=[1,2]")
    assert planned == {}
    output = done.snakemake("--config", "seeds=[1,x]", succeeds=False)
    assert (
        "config.yaml + --config is not usable, 1 problem:\n  --config: seeds[1]: 'x' is not a whole number"
        in output
    )


def test_new_times_of_files_run_nothing(done):
    """As after a checkout: what a rule's code is, is told by content."""
    for script in (ROOT / "workflow" / "scripts").glob("*.py"):
        script.touch()
    assert done.planned() == {}


def test_killed_at_random_moments_the_study_ends_with_the_same_scores(empty, finished):
    moments = random.Random(int(time.time()))
    for _ in range(2):
        files, seconds = moments.randint(1, 25), moments.uniform(0, 1)  # of 152 files
        output = empty.kill(files=files, seconds=seconds)
        assert "The last run here was killed" in output, f"{files} files and {seconds} s"
    # cold too, so that the jobs that compute start as a user's do
    ended = empty.run(empty.command("results/scores.parquet"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    pd.testing.assert_frame_equal(empty.scores(), finished.scores())


def test_two_runs_at_once_are_refused(empty):
    running = subprocess.Popen(
        empty.command(), cwd=empty.folder, env=empty.environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        locks = empty.folder / ".snakemake/locks"
        while not list(locks.glob("*.lock")):
            assert running.poll() is None
            time.sleep(0.1)
        assert "cannot be locked" in empty.snakemake(succeeds=False)
        assert list(locks.glob("*.lock")), "the lock of the living run stays"
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def write_idx(path, array):
    """An array as MNIST's files have it: magic number with the dimensions, then bytes."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(head + array.astype("uint8").tobytes())


def test_a_timm_checkpoint_on_a_torchvision_dataset(empty):
    """MNIST in its layout on disk, and weights in a file: real sources, with stand-ins for their content."""
    import timm
    from safetensors.torch import save_file

    raw = empty.folder / "mnist" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("t10k", 40)):
        y = np.arange(n) % 10
        images = np.clip(25 * y[:, None, None] + rng.integers(0, 20, (n, 28, 28)), 0, 255)
        write_idx(raw / f"{split}-images-idx3-ubyte", images)
        write_idx(raw / f"{split}-labels-idx1-ubyte", y)
    state = timm.create_model("test_resnet", num_classes=7).state_dict()
    save_file(state, empty.folder / "net.safetensors")
    config = {
        "datasets": {
            "mnist": {
                "source": "torchvision",
                "name": "MNIST",
                "root": "mnist",
                "limit": 3,
            }
        },
        "fms": {
            "net": {
                "source": "timm",
                "model": "test_resnet",
                "checkpoint": "net.safetensors",
                "input_size": 32,
                "ls_lambda": 0.1,
            }
        },
        "tasks": {"short": {"datasets": "mnist", "classes": [0, 1, 2]}},
        "experiments": {"methods": {"presets": ["qi", "oracle"], "tables": ["published_methods"]}},
    }
    empty.configure(config)
    target = "results/tables/methods/published_methods.csv"
    empty.snakemake(target)
    with h5py.File(empty.folder / "results/embeddings/net/mnist/train.h5") as file:
        assert file["embeddings"].shape == (30, 96)
    methods = pd.read_csv(empty.folder / target)["method"]
    assert set(methods) == {"Qi et al. 2018", "Least squares (oracle)"}

    # another network under the same name is told by its keys, not loaded as noise
    save_file(
        {f"other.{name}": value for name, value in state.items()}, empty.folder / "net.safetensors"
    )
    output = empty.snakemake(target, succeeds=False)
    assert "net.safetensors" in output
    assert "Traceback" not in output

    # and a dataset that is not there by what to place where
    config["datasets"]["mnist"]["root"] = "elsewhere"
    config["results"] = "again"
    empty.configure(config)
    output = empty.snakemake("again/data/mnist/manifest.json", succeeds=False)
    assert "elsewhere" in output
    assert "train-images-idx3-ubyte" in output
    assert "Traceback" not in output
