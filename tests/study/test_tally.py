"""The progress of a run, as the terminal shows it."""

import os
import time
from pathlib import Path

import pytest

from imprint.study.tally import NOT_BEGUN, NOT_SUBMITTED, OUTSIDE, RunningJob, Tally

NOW = time.time()


@pytest.fixture
def job(tmp_path):
    """A job of a rule, with these last lines in its log; no log if there are none."""

    def make(rule, *lines, start=NOW, written=NOW):
        log = tmp_path / f"{rule}-{len(list(tmp_path.iterdir()))}.log"
        if lines:
            log.write_text("".join(f"2026-01-02 03:04:05 {line}\n" for line in lines))
            os.utime(log, (written, written))
        return RunningJob(rule, f"doing {rule}", str(log), start)

    return make


def fail(tally, jobs, message="", log=""):
    """Start all jobs, and count them as failed."""
    for number, each in enumerate(jobs):
        tally.start(number, each)
        tally.fail(number, message, log)


def done(seconds, words=""):
    return f"INFO done in {seconds} s on 2 threads{words}"


def test_a_job_that_ends_has_a_line_with_what_its_log_says(job):
    tally = Tally({"embed": 1, "report": 1}, NOW)
    tally.start(7, job("embed", "INFO half way", done(12.3, ": 40 images")))
    assert tally.finish(7, NOW + 15).split() == [
        "1",
        "of",
        "2",
        "doing",
        "embed:",
        "12",
        "s;",
        "40",
        "images",
    ]
    tally.start(8, job("report"))
    assert tally.finish(8, NOW + 15).endswith("doing report: 15 s"), "without a log: as seen here"


def test_a_log_of_an_earlier_run_says_nothing(job):
    tally = Tally({"embed": 1}, NOW)
    tally.start(7, job("embed", done(99), written=NOW - 1000))
    assert tally.finish(7, NOW + 5).endswith("doing embed: 5.0 s")


def test_the_time_left_is_that_of_such_jobs_on_as_many_at_a_time(job):
    tally = Tally({"embed": 8}, NOW)
    for number in range(4):  # two at a time
        tally.start(number, job("embed"))
    assert tally.left(NOW + 5) is None
    for number, seconds in enumerate((10, 10, 20, 20)):
        line = tally.finish(number, NOW + seconds)
    # each took 15 s as seen from its start, three at a time
    assert tally.left(NOW + 20) == pytest.approx(4 * 15 / 3)
    assert "4 of 8" in line and "~20 s left" in line


def test_no_time_left_is_shown_before_the_rules_of_half_of_the_jobs_have_run(job):
    tally = Tally({"embed": 3, "proxies": 10, "report": 1}, NOW)
    for number in range(3):
        tally.start(number, job("embed"))
        line = tally.finish(number, NOW + 60)
    assert "left" not in line, (
        "how long proxies take is not known, and they are most of what is to do"
    )
    tally.start(3, job("proxies"))
    assert "left" in tally.finish(3, NOW + 61)


def test_running_jobs_are_shown_with_the_last_line_of_their_log(job):
    tally = Tally({"embed": 2}, NOW)
    assert tally.running(NOW) == ""
    tally.start(1, job("embed", "INFO 20 of 40 images"))
    assert tally.running(NOW + 3).split() == [
        "0",
        "of",
        "2",
        "now",
        "doing",
        "embed",
        "(3",
        "s,",
        "20",
        "of",
        "40",
        "images)",
    ]


def test_of_many_running_jobs_some_are_shown(job):
    tally = Tally({"embed": 9}, NOW)
    for number in range(9):
        tally.start(number, job("embed"))
    assert tally.running(NOW + 3).endswith("doing embed (3 s); 4 more")


def test_of_a_group_the_jobs_at_work_are_shown_first_and_those_that_are_done_not_at_all(job):
    tally = Tally(dict.fromkeys("abc", 1), NOW)
    members = [job("a"), job("b", done(3)), job("c", "INFO half way")]
    for number, each in enumerate(members):
        tally.start(number, each)
    assert tally.running(NOW + 60).endswith("now doing c (60 s, half way); doing a (60 s)")


def test_a_job_that_has_replaced_the_log_of_an_attempt_just_before_is_shown(job):
    tally = Tally({"a": 1}, NOW)
    again = job("a", done(3), written=NOW - 10)
    tally.start(1, again)
    assert tally.running(NOW + 1) == ""
    Path(again.log).write_text("2026-01-02 03:04:05 INFO half way\n")
    assert tally.running(NOW + 2).endswith("now doing a (2 s, half way)")


def test_failures_are_shown_with_their_reason_and_their_log(job):
    tally = Tally({"embed": 3, "proxies": 1, "report": 1}, NOW)
    assert tally.failures() == []
    jobs = [
        job("embed", "INFO half way", "ERROR x.png is no image"),
        job("embed", "ERROR Traceback (most recent call last):", "", "ZeroDivisionError: by 0"),
        job("proxies"),
    ]
    # the lines of a traceback carry no time
    log = Path(jobs[1].log)
    log.write_text(log.read_text().replace("2026-01-02 03:04:05 Zero", "Zero"))
    fail(tally, jobs, "died with SIGKILL", "submission.log")
    assert tally.failures() == [
        "3 of 5 jobs failed, 2 did not run:",
        "  doing embed: x.png is no image",
        f"    log: {jobs[0].log}",
        "  doing embed: ZeroDivisionError: by 0",
        f"    log: {jobs[1].log}",
        "  doing proxies: died with SIGKILL",
        "    log: submission.log",
    ]


def test_jobs_that_fail_for_the_same_cause_share_its_lines(job):
    tally = Tally({"figure": 8, "embed": 1}, NOW)
    damaged = "ERROR a.parquet is damaged"
    jobs = [job("embed", "ERROR no"), *(job("figure", damaged) for _ in range(8))]
    fail(tally, jobs)
    assert tally.failures() == [
        "9 of 9 jobs failed:",
        "  doing embed: no",
        f"    log: {jobs[0].log}",
        "  doing figure: a.parquet is damaged",
        f"    log: {jobs[1].log}",
        f"    the same: {', '.join(['doing figure'] * 5)}, 2 more",
    ]


def test_a_job_that_is_tried_again_is_no_failure(job):
    tally, again = Tally({"embed": 2}, NOW), job("embed", "ERROR no memory")
    fail(tally, [again])
    assert len(tally.failures()) == 3
    tally.start(0, again)
    assert tally.failures() == []


STEP = "slurmstepd-n1: error: "
TIMEOUT = f"{STEP}*** JOB 5 ON n1 CANCELLED AT 2026-01-02T03:04:05 DUE TO TIME LIMIT ***"
MEMORY = [
    f"{STEP}StepId=10.1 exceeded memory limit (64 > 62), being killed",
    f"{STEP}*** JOB 10 ON n1 CANCELLED AT 2026-01-02T03:04:05 ***",
]
KILLED = f"{STEP}Detected 1 oom_kill event in StepId=5.batch. Some of the step tasks have been OOM Killed."
CANCELLED = f"{STEP}*** JOB 7 ON n1 CANCELLED AT 2026-01-02T03:04:05 ***"
LOST = f"{STEP}*** JOB 7 ON n1 CANCELLED AT 2026-01-02T03:04:05 DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([TIMEOUT], "time limit"),
        (MEMORY, "more memory"),
        ([KILLED], "more memory"),
        ([CANCELLED], "cancelled"),
        ([LOST], "node failed"),
        (["srun: error: n1: task 0: Out Of Memory"], "more memory"),
        ([f"{STEP}Exceeded step memory limit at some point."], "more memory"),
        (["the text of a job: out of memory"], OUTSIDE),
    ],
)
def test_the_log_of_a_submission_says_why_slurm_ended_it(job, tmp_path, lines, expected):
    log = tmp_path / "submission.log"
    log.write_text("\n".join([*lines, *["Shutting down, this might take some time."] * 300]))
    tally = Tally({"a": 2}, NOW)
    tally.start(1, job("a", "INFO half way"))
    (written,) = tally.fail_group([1], str(log))
    assert expected in written
    tally.start(2, job("a"))
    tally.fail(2, OUTSIDE, str(log))
    assert tally.failures() == [
        "2 of 2 jobs failed:",
        f"  {written}",
        f"    log: {log}",
        "    the same: doing a",
    ]


def test_jobs_of_a_group_that_never_began_are_no_failures_though_their_logs_are_made_empty(job):
    tally = Tally({"a": 1, "b": 1}, NOW)
    members = job("a", "INFO started"), job("b")
    Path(members[1].log).touch()
    for number, each in enumerate(members):
        tally.start(number, each)
    assert tally.fail_group([0, 1], "s.log") == [f"doing a: {OUTSIDE}"]


@pytest.mark.parametrize(
    ("lines", "log", "expected"),
    [
        ({"a": "ERROR no", "b": done(3), "c": "INFO half way", "d": ""}, "s.log", {"a": "no"}),
        ({"b": done(3), "c": "INFO half way", "d": ""}, "s.log", {"c": OUTSIDE}),
        ({"b": done(3), "d": ""}, "s.log", {"d": NOT_BEGUN}),
        ({"a": "", "d": ""}, "", {"a": NOT_SUBMITTED, "d": NOT_SUBMITTED}),
    ],
)
def test_of_a_group_that_fails_only_the_jobs_at_fault_are_failures(job, lines, log, expected):
    tally = Tally(dict.fromkeys(lines, 1), NOW)
    for number, (rule, line) in enumerate(lines.items()):
        tally.start(number, job(rule, *filter(None, [line])))
    written = tally.fail_group(range(len(lines)), log)
    assert written == [f"doing {rule}: {why}" for rule, why in expected.items()]
    heading, *failures = tally.failures()
    assert heading.startswith(f"{len(expected)} of {len(lines)} jobs failed")
    assert failures[0] == f"  {written[0]}"
