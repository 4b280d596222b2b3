"""Jobs end in the user's words."""

import errno
import logging
import os
import platform
import signal
import time
import weakref
from pathlib import Path
from time import process_time
from types import SimpleNamespace

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.store.measurements import read_measurements
from imprint.study import job_log
from imprint.study.jobs import job


@pytest.fixture(autouse=True)
def threads_of_numba(monkeypatch):
    """Takes back the number of threads that a job sets: once threads run, numba compiles nothing under another one."""
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")


def run(tmp_path, body):
    given = SimpleNamespace(
        log=[str(tmp_path / "logs" / "rule.log")],
        threads=1,
        rule="proxies",
        wildcards=["net", "digits"],
        input=SimpleNamespace(),
        output=[tmp_path / "results/k1.h5"],
    )
    with job.job(given) as did:
        body(did)
    return given.log[0]


def read(tmp_path):
    return (tmp_path / "logs" / "rule.log").read_text()


def test_progress_goes_to_the_log_which_ends_with_what_was_done(tmp_path, capsys):
    def body(did):
        job.log.info("half way")
        did("two of three")
        assert "half way" in read(tmp_path)
        assert job_log.ending(tmp_path / "logs" / "rule.log") is None

    ending = job_log.ending(run(tmp_path, body))
    assert (ending.threads, ending.words) == (1, "two of three")
    assert 0 <= ending.seconds < 60
    assert capsys.readouterr().err == "", "the terminal has it from there"
    assert not logging.getLogger("imprint").handlers


def test_the_log_of_a_job_that_has_begun_says_where_and_is_never_empty(tmp_path):
    def body(did):
        assert read(tmp_path).endswith(f" INFO started on {platform.node()}\n")

    run(tmp_path, body)


def test_the_log_says_what_a_job_used(tmp_path):
    def body(did):
        x = np.ones(2**27, np.uint8)
        while process_time() < used_before + 0.3:
            x.sum()

    used_before = process_time()
    usage = job_log.usage(run(tmp_path, body))
    assert usage.processor > 0.3
    assert 0.125 < usage.memory < 64, "GiB; 128 MiB were filled"


def test_what_is_measured_lies_beside_the_output_and_goes_with_the_next_run(tmp_path):
    (tmp_path / "results").mkdir()
    output = tmp_path / "results/k1.h5"
    run(tmp_path, lambda did: job.log.info("fast", extra={"measured": {"seconds": 2.0}}))
    assert read_measurements(output) == [{"seconds": 2.0}]
    run(tmp_path, lambda did: None)
    assert read_measurements(output) == []


def test_ctrl_c_in_a_call_from_which_python_raises_nothing_is_not_lost(tmp_path, capsys):
    def body(did):
        values = set()
        _kept = weakref.ref(values, lambda _: signal.raise_signal(signal.SIGINT))
        del values
        time.sleep(60)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of a shell ignores it
    try:
        with pytest.raises(SystemExit) as caught:
            run(tmp_path, body)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value.code == 130
    assert job_log.reason(tmp_path / "logs" / "rule.log") == "stopped before it was done"
    assert capsys.readouterr().err == ""


def test_a_users_mistake_has_no_traceback(tmp_path, capsys):
    def body(did):
        raise UserError("data/x.png is no image")

    with pytest.raises(SystemExit) as caught:
        run(tmp_path, body)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "proxies: data/x.png is no image\n"
    assert job_log.reason(tmp_path / "logs" / "rule.log") == "data/x.png is no image"
    assert "Traceback" not in read(tmp_path)


@pytest.mark.parametrize(
    ("number", "name", "message"),
    [
        (
            errno.ENOSPC,
            None,
            "{}/results/k1.h5: No space left on device; free some space and run again",
        ),
        (errno.EFBIG, None, "{}/results/k1.h5: File too large; free some space and run again"),
        (errno.EACCES, "data/x.h5", "data/x.h5: Permission denied; give this user permission"),
        (
            errno.EROFS,
            "results/x",
            "results/x: Read-only file system; give this user permission",
        ),
        (errno.EIO, None, "OSError: [Errno 5] it broke (traceback in"),
    ],
)
def test_a_full_or_read_only_disk_is_reported_with_a_remedy(
    tmp_path, capsys, number, name, message
):
    def body(did):
        raise OSError(number, "it broke", name) if name else OSError(number, "it broke")

    with pytest.raises(SystemExit):
        run(tmp_path, body)
    assert capsys.readouterr().err.startswith(f"proxies: {message.format(tmp_path)}")
    last_line = (tmp_path / "logs" / "rule.log").read_text().splitlines()[-1]
    assert "ERROR" in last_line and message.format(tmp_path) in last_line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_without_room_fails_nothing_and_hides_no_reason(tmp_path, capsys):
    def fail(did):
        raise UserError("data/x.png is no image")

    log = tmp_path / "logs" / "rule.log"
    log.parent.mkdir()
    log.symlink_to("/dev/full")
    unwritten = f"proxies: {log}: No space left on device; free some space and run again"
    run(tmp_path, lambda did: did("two of three"))
    assert capsys.readouterr().err.startswith(unwritten)
    with pytest.raises(SystemExit):
        run(tmp_path, fail)
    reason, about_log = capsys.readouterr().err.splitlines()
    assert reason == "proxies: data/x.png is no image"
    assert about_log.startswith(unwritten)


def test_our_mistake_has_a_traceback_in_the_log(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, lambda did: 1 / 0)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "Traceback" in read(tmp_path)


@pytest.mark.parametrize("users", [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}])
def test_waiting_threads_leave_their_cores_unless_the_user_says_otherwise(
    tmp_path, monkeypatch, users
):
    """Where another program uses a core too, spinning threads take several times as long."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in users.items():
        monkeypatch.setenv(name, value)
    run(tmp_path, lambda did: None)
    waits = {name: os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    assert {name: value for name, value in waits.items() if value} == (
        users or {"GOMP_SPINCOUNT": "1000"}
    )
