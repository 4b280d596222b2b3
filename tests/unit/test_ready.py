"""What stands in the way of a run is told or set right before it."""

import os
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
