"""The status of a study in words, from what Snakemake plans."""

import pytest

from imprint import status
from imprint.errors import UserError
from imprint.units import duration, size


def job(rule, why=None, seconds=None, threads=1, output="x"):
    return {"rule": rule, "why": why, "seconds": seconds, "threads": threads, "output": [output]}


def lines(tmp_path, monkeypatch, *jobs, running=False):
    monkeypatch.setattr(status, "_plan", lambda config, cores: {"jobs": list(jobs), "running": running})
    return list(status.told(status.status(tmp_path, cores=2)))


def test_a_finished_study_is_told_in_a_line(tmp_path, monkeypatch):
    assert lines(tmp_path, monkeypatch, job("embed"), job("scores")) == ["All 2 jobs are done."]


def test_times_are_those_of_such_jobs_before(tmp_path, monkeypatch):
    said = lines(
        tmp_path, monkeypatch,
        job("embed", seconds=100, threads=2), job("embed", seconds=300, threads=2),
        job("embed", "new", threads=2), job("embed", "its code changed", seconds=200, threads=2),
        job("report", "new"), running=True,
    )  # fmt: skip
    assert said[0] == "A run is under way here; what it is making counts as to do."
    # median 200 s on two threads, twice, on two cores
    assert (
        said[1] == "2 of 5 jobs are done; 3 to do: about 7 min on 2 cores, as long as such jobs took before."
    )
    assert said[4].split() == ["embed", "2", "2", "7", "min", "new", "(1);", "its", "code", "changed", "(1)"]
    assert said[5].split() == ["report", "1", "0", "?", "new", "(1)"]
    assert said[6] == "No job of report ran before: `imprint doctor` estimates their time."


def test_files_of_nothing_in_the_study_are_told(tmp_path, monkeypatch):
    for name in ("proxies/old.h5", "proxies/wanted.h5", "embeddings/e.h5.partial", "logs/x.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    said = lines(tmp_path, monkeypatch, job("proxies", output=str(tmp_path / "proxies/wanted.h5")))
    assert said[1].startswith(f"1 files belong to nothing in this study, such as {tmp_path}/proxies/old.h5")


def test_a_folder_without_a_workflow_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(status, "__file__", str(tmp_path / "a/b/status.py"))
    with pytest.raises(UserError, match="no workflow here"):
        status.status(tmp_path)


def test_quantities_are_in_units_that_suit_them():
    assert [duration(s) for s in (3, 89, 100, 6000)] == ["3 s", "89 s", "2 min", "1.7 h"]
    assert [size(b) for b in (7, 7e4, 7e7, 7e10, 7e13)] == ["7 B", "70 kB", "70 MB", "70 GB", "70.0 TB"]
