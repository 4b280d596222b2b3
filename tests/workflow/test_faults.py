"""What goes wrong with disks, files, clocks and kills: nothing wrong is reported as done, what was finished stays."""

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workflow.conftest import GIVEN

pytestmark = pytest.mark.xdist_group("edits")


def with_m(m):
    grid = {
        **GIVEN["experiments"]["grid"],
        "agg": [{"name": "max"}, {"name": "mnn", "distance": ["euclidean"], "m": m}],
    }
    return {**GIVEN, "experiments": {"grid": grid}}


def same_scores(one, other):
    pd.testing.assert_frame_equal(one.scores(), other.scores())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk(given_fresh, given_finished, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", results], check=False
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        for left in (20, 80, 150):  # kB: full at one job or another
            filled = os.statvfs(results).f_bavail * os.statvfs(results).f_frsize - left * 1000
            (results / "ballast").write_bytes(bytes(filled))
            output = given_fresh.snakemake("study", succeeds=False)
            assert "o space left on device" in output
            assert not list(results.rglob(".*.tmp*")), "no half-written file takes the room"
            (results / "ballast").unlink()
        given_fresh.snakemake("study")
        same_scores(given_fresh, given_finished)
    finally:
        subprocess.run(["umount", results], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a read-only disk")
def test_read_only_results(given_fresh, given_finished, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", results], check=False
    ).returncode:
        pytest.skip("no read-only disk can be mounted here")
    try:
        output = given_fresh.snakemake("study", succeeds=False)
        assert f"{results} cannot be written to, so nothing can be computed here" in output
        assert "Traceback" not in output
    finally:
        subprocess.run(["umount", results], check=True)
    given_fresh.snakemake("study")
    same_scores(given_fresh, given_finished)


@pytest.mark.parametrize(
    ("damaged", "kept"),
    [
        ("embeddings/one/a/test.h5", "proxies"),
        ("proxies/one/a/full/kmeans.h5", "embeddings"),
        ("scores/one/a/full/mnn.parquet", "proxies"),
    ],
)
def test_a_file_cut_off_is_made_anew_when_it_is_needed(given, given_finished, damaged, kept):
    path = given.folder / "results" / damaged
    path.write_bytes(path.read_bytes()[:-300])
    times = {p: p.stat().st_mtime_ns for p in (given.folder / "results" / kept).rglob("*.h5")}
    given.configure(with_m([3, 5]) if "scores/" not in damaged else GIVEN)
    given.snakemake("study")
    given.configure(GIVEN)
    given.snakemake("study")
    same_scores(given, given_finished)
    assert {p: p.stat().st_mtime_ns for p in times} == times, "what was finished stays"


def test_an_intermediate_that_was_deleted_is_made_again_when_it_is_needed(given):
    (given.folder / "results/proxies/one/a/full/kmeans.h5").unlink()
    assert given.planned("study") == {}, "its scores are there"
    given.configure(with_m([3, 5]))
    planned = given.planned("study")
    assert (planned["proxies"], planned["evaluate"]) == (1, 2)
    output = given.snakemake("study")
    assert "proxy sets: 4 requested, 0 computed, 4 reused" in output
    assert "cells: 6 requested, 0 computed, 6 reused" in output
    assert "cells: 12 requested, 6 computed, 6 reused" in output
    (given.folder / "results/scores.parquet").unlink()
    assert set(given.planned("study")) == {"scores", "explorer", "study"}


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_jumps_runs_nothing_again(given, days):
    """Files of another time than those made from them, as when the clock was wrong during a part of the run."""
    moved = time.time() + days * 86400
    for name in ("embeddings", "collapse.parquet"):
        top = given.folder / "results" / name
        for path in [top, *top.rglob("*")]:
            if path.is_file():
                os.utime(path, (moved, moved))
    assert given.planned("study") == {}
    given.configure(with_m([3, 5]))
    planned = given.planned("study")
    assert planned.keys() == {"evaluate", "scores", "explorer", "table_configurations", "study"}
    if days > 0:
        output = given.snakemake("study", succeeds=False)
        advice = next(line for line in output.splitlines() if "from the future" in line)
        subprocess.run(advice.split("`")[1], shell=True, check=True, cwd=given.folder)
        output = given.snakemake("study")
        assert not re.search(r"requested, [1-9]\d* computed", output), "what is finished is reused"
    else:
        given.snakemake("study")
    assert given.planned("study") == {}


def test_outputs_from_the_future_do_not_hide_changed_data(given, given_finished):
    hour = time.time() + 3600
    for path in (given.folder / "results").rglob("*.*"):
        os.utime(path, (hour, hour))
    data = given.folder / "one-a-train.npz"
    arrays = dict(np.load(data))
    np.savez(data, **{**arrays, "embeddings": arrays["embeddings"][::-1]})
    planned = given.planned("study")
    assert (planned["adopt"], planned["proxies"], planned["evaluate"]) == (1, 2, 2)
    np.savez(data, **arrays)
    assert given.planned("study") == {}, "dry runs lose nothing"


def test_a_job_killed_leaves_what_others_finished(given_fresh, given_finished):
    """One worker dies (as for want of memory) while the run lives; the next run makes what is missing."""
    running = subprocess.Popen(
        given_fresh.command("study"), cwd=given_fresh.folder, env=given_fresh.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    killed = 0
    while running.poll() is None and not killed:
        listed = subprocess.run(
            ["pgrep", "-f", "proxies.py$"], capture_output=True, text=True
        ).stdout.split()
        for pid in listed:
            try:
                if (
                    Path(f"/proc/{pid}/cwd").readlink() == given_fresh.folder
                    and int(pid) != running.pid
                ):
                    os.kill(int(pid), signal.SIGKILL)
                    killed += 1
                    break  # of two that failed alike, the list of failures would end otherwise
            except OSError:
                pass
        time.sleep(0.01)
    output = running.communicate()[0]
    assert killed
    assert running.returncode != 0
    assert re.search(r"jobs? failed, \d+ did not run:$", output, re.M)
    *_, why, log = output.splitlines()
    assert re.fullmatch(r"  proxies of a on one by .*: died with <Signals.SIGKILL: 9>.", why)
    assert re.fullmatch(r"    log: results/logs/proxies/one/a/full/.*\.log", log), "it comes last"
    given_fresh.snakemake("study")
    same_scores(given_fresh, given_finished)


HIDING = """
import os
write = os.replace
def hide(source, target):
    os.unlink(source) if str(target).endswith("embeddings/one/a/test.h5") else write(source, target)
os.replace = hide
"""


def test_a_job_whose_output_does_not_appear_is_among_the_failures(given_fresh, monkeypatch):
    """As on a file system that shows files late."""
    (given_fresh.folder / "hiding").mkdir()
    (given_fresh.folder / "hiding/sitecustomize.py").write_text(HIDING)
    folders = [str(given_fresh.folder / "hiding"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))
    output = given_fresh.snakemake("study", "--latency-wait", "1", succeeds=False)
    *_, heading, why, log = output.splitlines()
    assert re.fullmatch(r"1 of \d+ jobs failed, \d+ did not run:", heading)
    assert "embeddings of a (test) by one: its output did not appear" in why
    assert log == "    log: results/logs/adopt/one/a/test.log"


def test_kills_at_random_moments(given_fresh, given_finished):
    moments = random.Random(int(time.time()))
    for _ in range(4):  # of 46 files
        given_fresh.kill("study", files=moments.randint(0, 5), seconds=moments.uniform(0, 0.5))
    given_fresh.snakemake("study")
    same_scores(given_fresh, given_finished)
    assert given_fresh.planned("study") == {}
