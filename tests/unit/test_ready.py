"""What stands in the way of a run is told or set right before it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imprint.errors import UserError
from imprint.workflow import ready


def test_a_directory_that_cannot_be_written_to_is_told_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(os, "access", lambda place, mode: "results" not in str(place))
    ready.ready(Path("results"))
    assert f"{tmp_path}/results cannot be written to" in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(UserError, match=r"cannot be written to.*another directory"):
        ready.ready(Path("results"))


def test_files_of_the_future_are_given_the_present_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/scores").mkdir(parents=True)
    for name, seconds in (("early", 4e9), ("late", 1e9)):
        (tmp_path / "results/scores" / name).touch()
        os.utime(tmp_path / "results/scores" / name, (seconds, seconds))
    ready.ready(Path("results"))
    assert "1 files in results were of the future" in capsys.readouterr().err
    assert abs((tmp_path / "results/scores/early").stat().st_mtime - time.time()) < 60
    assert (tmp_path / "results/scores/late").stat().st_mtime == 1e9


class Process:
    """One that is alive in a folder until it is killed; `took` tells whether it took over a lock."""

    CODE = """
import sys
from pathlib import Path
from imprint.workflow.ready import take_over_stale_lock
print(take_over_stale_lock(Path()), flush=True)
sys.stdin.read()
"""

    def __init__(self, folder):
        self.running = subprocess.Popen(
            [sys.executable, "-c", self.CODE], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        self.took = self.running.stdout.readline().strip() == "True"

    def kill(self):
        self.running.kill()
        self.running.communicate()


def test_a_lock_is_stale_only_when_no_process_is_alive(tmp_path):
    """Not when one ended that was there first, such as a dry run, while a run goes on that came after it."""
    lock = tmp_path / ".snakemake/locks/0.output.lock"
    dry, run = Process(tmp_path), Process(tmp_path)
    lock.parent.mkdir(parents=True)
    lock.touch()  # of the run
    dry.kill()
    other = Process(tmp_path)
    assert not other.took and lock.exists()
    other.kill()
    run.kill()
    last = Process(tmp_path)
    assert last.took and not lock.exists()
    last.kill()


def test_a_lock_of_another_machine_stays_whoever_looks(tmp_path):
    lock = tmp_path / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    (tmp_path / ".snakemake/imprint.lock").write_text("another-machine")
    for _ in range(2):
        here = Process(tmp_path)
        assert not here.took and lock.exists()
        here.kill()
