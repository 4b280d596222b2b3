"""Runs the workflow as a user does, on a study of seconds."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.runs import SMALL
from tests.workflow.warm import warm_python

ROOT = Path(__file__).parents[2]
TINY = {
    **SMALL,
    "tasks": {
        "digits": {"datasets": "digits"},
        "glyphs": {"datasets": "glyphs", "family": {"d": [2], "draws": 2, "classes": 3}},
    },
    "experiments": {
        "methods": {
            "presets": ["qi", "janson", "oracle"],
            "tables": ["published_methods", "statistics"],
            "figures": ["published_methods", "critical_difference"],
        },
        "number-of-proxies": {
            "gen": [{"name": "kmeans", "k": [1, 3]}, {"name": "all"}],
            "figures": ["accuracy_over_k", "accuracy_over_k_by_d", "nc1_over_d", "gain_over_nc1"],
        },
    },
}

# a study of embeddings that are given, so that its jobs take no time
GRID = {
    "fms": ["one"],
    "tasks": ["a"],
    "gen": [{"name": "kmeans", "k": [1, 2]}, {"name": "all"}],
    "norm_pre": ["none"],
    "norm_post": ["none"],
    "norm_inf": ["none"],
    "agg": [{"name": "max"}, {"name": "mnn", "distance": ["euclidean"], "m": [3]}],
    "tables": ["configurations"],
}
GIVEN = {
    "seeds": [1, 2],
    "datasets": {name: {"source": "embeddings", "class_count": 3} for name in ("a", "b")},
    "fms": {
        fm: {"source": "embeddings", "files": {d: f"{fm}-{d}-{{split}}.npz" for d in "ab"}}
        for fm in ("one", "two")
    },
    "tasks": {name: {"datasets": name} for name in ("a", "b")},
    "experiments": {"grid": GRID},
}


def pytest_addoption(parser):
    parser.addoption(
        "--write-golden", action="store_true", help="store the numbers of test_golden.py anew"
    )


@dataclass
class Study:
    """A working directory with a configuration."""

    folder: Path

    def configure(self, text_or_config):
        text = (
            text_or_config
            if isinstance(text_or_config, str)
            else yaml.safe_dump(text_or_config, sort_keys=False)
        )
        (self.folder / "config.yaml").write_text(text)

    def command(self, *arguments):
        """What a user types; it starts cold, and can be killed with its jobs."""
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
        if self.environment()["SNAKEMAKE_OUTPUT_CACHE"]:
            command += ["--cache", "weights", "pretrain", "embed"]
        return [*command, "--cores", "2", *arguments]

    def environment(self):
        return {
            **os.environ,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "SNAKEMAKE_OUTPUT_CACHE": "",
        }

    def run(self, command):
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True
        )

    def snakemake(self, *arguments, succeeds=True):
        """Run Snakemake here, warm; returns all that it printed."""
        done = self.run([warm_python(), *self.command(*arguments)[1:]])
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, output[-6000:]
        return output

    def kill(self, *arguments, files, seconds):
        """Run Snakemake here, and kill it with its jobs when the results have so many more files, and so long after.

        Counted in files, since a slow machine needs many seconds to start. Returns what `--unlock` prints.
        """

        def count():
            return sum(len(names) for _, _, names in os.walk(self.folder / "results"))

        # the first one notes the process
        enough = max(count(), 1) + files
        running = subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment(), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while count() < enough:
            assert running.poll() is None, f"the run ended with fewer than {enough} files"
            time.sleep(0.02)
        time.sleep(seconds)
        assert running.poll() is None, "the run ended before it was killed"
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        return self.snakemake("--unlock")

    def imprint(self, *arguments, succeeds=True):
        """Run the command `imprint` here, warm; returns all that it printed."""
        done = self.run([warm_python(), "-m", "imprint", *arguments])
        output = done.stdout if succeeds else done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return output

    def planned(self, *arguments):
        """Number of jobs by rule that would run."""
        output = self.snakemake("--dry-run", *arguments)
        if "Nothing to be done" in output:
            return {}
        block = output.split("Job stats:")[1].split("total")[0].splitlines()
        counts = [
            line.split() for line in block if line.strip() and not line.startswith(("job ", "---"))
        ]
        return {rule: int(count) for rule, count in counts}

    def scores(self):
        """All scores but the time that generation took, in a fixed order."""
        frame = pd.read_parquet(self.folder / "results/scores.parquet").drop(columns="seconds")
        return frame.astype(
            {c: str for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)}
        )


@pytest.fixture
def empty(tmp_path):
    """A working directory with the tiny study, nothing computed."""
    study = Study(tmp_path)
    study.configure(TINY)
    return study


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny study, computed once; not to be changed."""
    study = Study(tmp_path_factory.mktemp("finished"))
    study.configure(TINY)
    (study.folder / "said.txt").write_text(study.snakemake())
    return study


@pytest.fixture
def done(finished, tmp_path):
    """A copy of the finished study, free to be changed."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    return Study(tmp_path)


@pytest.fixture(scope="session")
def given_finished(tmp_path_factory):
    """The study of given embeddings but for its report, computed once; not to be changed."""
    study = Study(tmp_path_factory.mktemp("given"))
    rng = np.random.default_rng(0)
    for number, name in enumerate(("one-a", "one-b", "two-a", "two-b")):
        for split, n in (("train", 60), ("test", 40)):
            y = np.arange(n) % 3
            x = rng.normal(size=(n, 6)).astype("f") + np.eye(6, dtype="f")[y] * (2 + number)
            np.savez(study.folder / f"{name}-{split}.npz", embeddings=x, labels=y)
    study.configure(GIVEN)
    study.snakemake("study")
    return study


@pytest.fixture
def given(given_finished, tmp_path):
    """A copy of it, free to be changed."""
    shutil.copytree(given_finished.folder, tmp_path, dirs_exist_ok=True)
    return Study(tmp_path)


@pytest.fixture
def given_fresh(given, tmp_path):
    """The same with nothing computed."""
    shutil.rmtree(tmp_path / "results")
    shutil.rmtree(tmp_path / ".snakemake")
    return given
