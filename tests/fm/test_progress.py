"""Progress of a long job where there is no terminal, by a clock that the test moves."""

import logging

import pytest

from imprint.fm import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock at zero; returns a function that moves it on by some seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def embed(wait, batches, seconds, before=0):
    """So many batches of ten images, each of which takes so many seconds."""
    with progress.Progress(10 * batches + before, before) as counter:
        for _ in range(batches):
            wait(seconds)
            counter.advance(10)


def test_a_file_or_a_notebook_has_a_line_at_each_tenth(clock, capsys):
    embed(clock, batches=100, seconds=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "100 of 1000 images, 10.0 a second, 90 s left".replace("90 s", "2 min")
    assert lines[-1] == "1,000 images in 100.0 s, 10.0 a second"
    assert len(lines) == 10


def test_slow_images_have_a_line_every_half_minute_and_a_long_job_not_thousands(clock, capsys):
    embed(clock, batches=1000, seconds=10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "30 of 10000 images, 1.0 a second, 2.8 h left"
    assert 30 < len(lines) < 100


def test_what_is_done_at_once_has_no_line(clock, capsys):
    embed(clock, batches=3, seconds=1)
    assert capsys.readouterr().err == ""


def test_a_log_takes_the_lines_and_what_was_measured(clock, caplog, capsys):
    with caplog.at_level(logging.INFO, "imprint"):
        embed(clock, batches=3, seconds=2, before=70)
    assert [record.getMessage() for record in caplog.records] == [
        "30 images in 6.0 s, 5.0 a second"
    ]
    assert caplog.records[0].measured == {"images": 20, "seconds": 4.0}, "without the first batch"
    assert capsys.readouterr().err == ""
