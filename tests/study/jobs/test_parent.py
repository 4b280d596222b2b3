"""A job whose run was killed ends by itself and says so."""

import subprocess
import sys
import time

from imprint.study import job_log

JOB = """
import signal, time
from types import SimpleNamespace
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in the background
from imprint.study.jobs.job import job
with job(SimpleNamespace(log=["rule.log"], threads=1, rule="proxies", wildcards=[], output=["k1.h5"])) as did:
    open("started", "w").close()
    time.sleep(300)
    open("late", "w").close()
"""
RUN = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {JOB!r}])"


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_job_ends_when_its_run_was_killed(tmp_path):
    (tmp_path / ".k1.h5.abc.tmp.h5").touch()
    (tmp_path / ".k10.h5.abc.tmp.h5").touch()
    with open(tmp_path / "messages", "w") as messages:
        run = subprocess.Popen([sys.executable, "-c", RUN], cwd=tmp_path, stderr=messages)
    wait_for((tmp_path / "started").exists)
    run.kill()
    run.wait()
    log = tmp_path / "rule.log"
    wait_for(lambda: job_log.reason(log) == "stopped before it was done")
    assert (tmp_path / "messages").read_text() == (
        "proxies: ended before it was done, because the run that started it was killed\n"
    )
    assert not (tmp_path / "late").exists()
    names = {path.name for path in tmp_path.glob(".*")}
    assert names == {".k10.h5.abc.tmp.h5"}, "what an earlier kill left of its own file is gone"
