"""The commands as a user runs them: processes, on folders of JPEG files, with the packaged FM.

The first starts cold, the others with their imports done, see `tests.workflow.warm`.
"""

import csv
import re
import shlex
import subprocess
import sys

import pytest

from benchmarks.readme import KNOWN, README, commands, write_photographs
from tests.workflow.warm import warm_python

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The photographs that the README speaks of."""
    folder = tmp_path_factory.mktemp("photographs")
    write_photographs(folder)
    return folder


@pytest.fixture(scope="module")
def process(folder):
    """Run a command of `imprint` as a process; returns what it prints."""

    def process(command, cold=False):
        words = shlex.split(command, comments=True)[1:]
        done = subprocess.run(
            [sys.executable if cold else warm_python(), "-m", "imprint", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr * cold

    return process


@pytest.fixture(scope="module")
def of_readme(process):
    """What each command of the README prints, by its name."""
    return {command.split()[1]: process(command) for command in commands(README)}


def test_waiting_threads_of_a_command_leave_their_cores(process, monkeypatch):
    """OpenMP, which torch loads, prints what it takes from the environment."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_DISPLAY_ENV", "verbose")
    shown = process("imprint embed new-photos -o waiting.h5", cold=True)
    if "GOMP_SPINCOUNT" not in shown:
        pytest.skip("torch does not use GNU OpenMP here")
    assert "GOMP_SPINCOUNT = '1000'" in shown


def test_the_readme_goes_from_photographs_to_labels(of_readme):
    assert "auto chose whitened class means" in of_readme["fit"]
    accuracy = re.search(r"accuracy ([\d.]+)%", of_readme["evaluate"])[1]
    assert float(accuracy) > 85, "five digits of twenty scans each"
    assert "6 classes; took in 20 samples; added nine" in of_readme["add"]
    rows = list(csv.DictReader(of_readme["predict"].splitlines()))
    assert [row["label"] for row in rows[:3]] == ["seven", "eight", "nine"]
    assert [row["rejected"] for row in rows] == ["no", "no", "no", "yes"], "a temple is no digit"


def test_the_readme_explains_and_exports(of_readme, folder):
    assert "new-photos/c.jpg: nine" in of_readme["explain"]
    assert "equal labels" in of_readme["export"]
    for name in ("confusions.png", "why.png", "digits.onnx"):
        assert (folder / name).stat().st_size > 1000


def test_what_is_embedded_once_is_compared_and_fitted(of_readme, process, folder):
    process("imprint embed photos -o photos.h5")
    output = process("imprint compare photos.h5 --gen mean --norm whiten+l2 --folds 2")
    assert "Best here: " in output and "LDA*" in output
    process(output.splitlines()[-1].strip())  # the command that it ends with
    assert "method: " in process("imprint show head.safetensors")
    assert "100 in photos" in process("imprint doctor photos")


def test_a_class_is_removed_from_a_head(of_readme, process):
    output = process("imprint remove digits.safetensors nine -o without.safetensors")
    assert "5 classes" in output
    shown = process("imprint show without.safetensors")
    assert ", ".join(sorted(KNOWN)) in shown
