"""Checks before a run say what stands in its way, and change nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imprint.errors import UserError
from imprint.study import running
from imprint.study.outdated import Records
from imprint.study.startup import check_startup, future_files
from tests.study.examples import study


def test_a_folder_that_cannot_be_written_to_is_reported_before_the_run(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: mode != os.W_OK or "results" not in str(path)
    )
    check_startup(Path("results"))
    assert f"{tmp_path}/results cannot be written to" in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(UserError, match=r"cannot be written to.*another directory"):
        check_startup(Path("results"))


def test_results_that_cannot_be_read_end_the_run_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = Path("disk/results")
    check_startup(results)  # does not exist yet
    Path("disk").symlink_to("mounts")
    Path("mounts").symlink_to("unmounted")
    with pytest.raises(UserError, match=f"{tmp_path}/disk is a link to {tmp_path}/unmounted,"):
        check_startup(results)
    (tmp_path / "unmounted").mkdir()
    check_startup(results)
    results.symlink_to("results")  # the system refuses to follow it
    with pytest.raises(UserError, match=r"disk/results cannot be read \(.+\); give"):
        check_startup(results)
    results.unlink()
    results.touch()
    with pytest.raises(UserError, match="disk/results is a file where a folder is needed"):
        check_startup(results)
    results.unlink()
    results.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "results")
    with pytest.raises(UserError, match="disk/results cannot be read; give this user permission"):
        check_startup(results)


def test_a_configuration_with_results_that_cannot_be_read_reaches_this_check(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for name in ("loop", "x" * 300):
        results = study(tmp_path, results=str(tmp_path / name)).root
        with pytest.raises(UserError, match=r"cannot be read \(.+\)"):
            check_startup(results)


def test_files_from_the_future_are_counted_with_a_command_that_corrects_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"early": 4e9, "late": 1e9}
    (tmp_path / "results/scores").mkdir(parents=True)
    for name, seconds in files.items():
        (tmp_path / "results/scores" / name).touch()
        os.utime(tmp_path / "results/scores" / name, (seconds, seconds))
    advice = future_files(Path("results"))
    assert "1 file in results is from the future, such as results/scores/early" in advice
    assert (tmp_path / "results/scores/early").stat().st_mtime == 4e9, "advice changes nothing"
    command = advice.split("`")[1]
    subprocess.run(command, shell=True, check=True)
    assert abs((tmp_path / "results/scores/early").stat().st_mtime - time.time()) < 60
    assert (tmp_path / "results/scores/late").stat().st_mtime == 1e9
    assert future_files(Path("results")) is None


def test_a_killed_run_is_reported_with_the_way_to_unlock(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = (
        "import sys; from imprint.study import running; running.begin('results'); sys.stdin.read()"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    while running.state("results") is not running.State.AT_WORK:
        time.sleep(0.05)
    check_startup(Path("results"))
    assert capsys.readouterr().err == "", "a run at work is none that was killed"
    with pytest.raises(UserError, match=f"another run .process {run.pid}. is at work on results"):
        running.begin("results")
    running.end("results")
    assert running.state("results") is running.State.AT_WORK, "the note of another process stays"
    run.kill()
    run.communicate()
    check_startup(Path("results"))
    assert "snakemake --unlock" in capsys.readouterr().err
    running.begin("results")
    running.end("results")
    check_startup(Path("results"))
    assert capsys.readouterr().err == ""


def test_a_run_killed_on_another_machine_is_known_by_the_lock_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running.platform, "node", lambda: "login1")
    running.begin("results")
    monkeypatch.setattr(running.platform, "node", lambda: "login2")
    lock = tmp_path / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert running.state("results") is running.State.AT_WORK
    newest = Path(Records("results").newest_file)
    newest.write_text("before")
    Records("results").refresh()
    assert newest.read_text() == "before", (
        "a run at work would fail jobs whose input is newer than their output"
    )
    lock.unlink()  # by `snakemake --unlock`
    assert running.state("results") is running.State.KILLED
    Records("results").refresh()
    assert newest.read_text() != "before", "otherwise nothing that is outdated would be made again"
