"""What the terminal shows of a run: a line for each job that ends, the time left, and what failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from imprint.formatting import duration
from imprint.study import job_log
from imprint.study.running import CLOCK_SKEW

OUTSIDE = "ended from outside (memory, time, scancel or its node)"
NOT_BEGUN = "its submission ended before the job began"
NOT_SUBMITTED = "the cluster refused its submission; `sbatch --test-only` with the same memory and time tells why"
_FIRST = 3  # jobs before the time left is estimated
_SHOWN = 20  # causes of failures that are listed; the rest is counted
_NAMED = 5  # jobs that a line names; it counts the others


@dataclass(frozen=True)
class RunningJob:
    """A job that was started.

    Attributes
    ----------
    rule, words : str
        Its rule, and a short text on what it does.
    log : str or None
        Its log.
    start : float
        Start in seconds since the epoch.
    """

    rule: str
    words: str
    log: str | None
    start: float

    @property
    def written(self) -> float:
        """When its log was last written, in seconds since the epoch; 0 if it has none."""
        return job_log.written(self.log) if self.log else 0.0

    @property
    def has_log(self) -> bool:
        """Whether this run has written to its log; the log of an attempt just before also counts until then."""
        return self.written > self.start - CLOCK_SKEW

    @property
    def ending(self) -> job_log.Ending | None:
        """How it ended, if its log says that it succeeded."""
        return job_log.ending(self.log) if self.log and self.has_log else None

    @property
    def reason(self) -> str:
        """Why it failed, if its log says so."""
        return job_log.reason(self.log) if self.log and self.has_log else ""

    @property
    def news(self) -> str:
        """The last line of its log."""
        return job_log.last_line(self.log) if self.log and self.has_log else ""

    def log_that_says_why(self, of_submission: str) -> str:
        """The log to read if it failed: its own if that has a reason, or there is no other; empty if there is none."""
        return (self.log if self.reason else of_submission) or (self.news and self.log) or ""


class Tally:
    """Counts jobs as they start, end and fail.

    Parameters
    ----------
    planned : mapping
        How many jobs of each rule there are to do.
    start : float
        Start in seconds since the epoch, as all times here.
    """

    def __init__(self, planned: Mapping[str, int], start: float) -> None:
        self.total, self.done = sum(planned.values()), 0
        self._start = start
        self._to_do = dict(planned)
        self._running: dict[int, RunningJob] = {}
        self._over: set[int] = set()  # those of them whose logs say that they are done
        self._failed: dict[int, tuple[RunningJob, str, str]] = {}
        self._ended: Counter[str] = Counter()
        self._seconds: dict[str, float] = defaultdict(float)  # of jobs that ended

    def start(self, number: int, job: RunningJob) -> None:
        """Count a job as started, for the first time or again."""
        self._running[number] = job
        self._over.discard(number)
        self._failed.pop(number, None)

    def finish(self, number: int, now: float) -> str:
        """Count a job as done; returns its line."""
        job = self._running.pop(number)
        self.done += 1
        self._to_do[job.rule] = self._to_do.get(job.rule, 1) - 1
        self._ended[job.rule] += 1
        self._seconds[job.rule] += now - job.start
        ending = job.ending
        words = [job.words]
        if job.log:
            words = [f"{job.words}: {_short(ending.seconds if ending else now - job.start)}"]
        if ending and ending.words:
            words.append(ending.words)
        return self._head(now) + "; ".join(words)

    def fail(self, number: int, message: str, log: str) -> RunningJob:
        """Count a job as failed; returns it.

        message, log: shown if its own log gives no reason; log is that of the submission if there is one.
        """
        job = self._running.pop(number)
        why = job.reason or job_log.slurm_reason(log) or message
        self._failed[number] = job, why, job.log_that_says_why(log)
        return job

    def why(self, number: int) -> str:
        """Why a job failed that `fail` has counted."""
        return self._failed[number][1]

    def fail_group(self, numbers: Iterable[int], log: str) -> list[str]:
        """Count the jobs of a submission that failed; returns a line for each that failed itself.

        These are the jobs whose logs give a reason; without any, those that were running; if none was, the submission never
        began. The other jobs succeeded, or did not run. log: that of the submission, empty if it has none.
        """
        members = {
            number: self._running.pop(number) for number in numbers if number in self._running
        }
        unfinished = {number: job for number, job in members.items() if not job.ending}
        at_fault = {number: job for number, job in unfinished.items() if job.reason}
        of_slurm = job_log.slurm_reason(log)
        why = of_slurm or OUTSIDE
        if not at_fault:
            at_fault = {number: job for number, job in unfinished.items() if job.has_log}
        if not at_fault:
            at_fault = unfinished
            why = of_slurm or (NOT_BEGUN if log else NOT_SUBMITTED)
        for number, job in at_fault.items():
            self._failed[number] = job, job.reason or why, job.log_that_says_why(log)
        return [f"{job.words}: {job.reason or why}" for job in at_fault.values()]

    def left(self, now: float) -> float | None:
        """Rough seconds until the end; None while more than half of all jobs are of rules without a finished job.

        A job is expected to take the mean time of its rule or, if none of its rule is done, the median of these means. As
        many jobs are expected to run at a time as so far.
        """
        unseen = sum(count for rule, count in self._to_do.items() if rule not in self._ended)
        if self.done < _FIRST or unseen > self.total / 2:
            return None
        means = {rule: self._seconds[rule] / count for rule, count in self._ended.items()}
        other = median(means.values())
        work = sum(count * means.get(rule, other) for rule, count in self._to_do.items())
        for job in self._running.values():
            work -= min(now - job.start, means.get(job.rule, other))
        at_a_time = max(1.0, sum(self._seconds.values()) / max(now - self._start, 1e-3))
        return work / at_a_time

    def running(self, now: float) -> str:
        """A line on the running jobs, with the last lines of their logs; empty if none runs.

        All jobs of a group count as started when it is submitted. Those that have begun come first. Those that are done are left
        out, but the number of the jobs that are not named may hold some, as their logs are not read.
        """
        begun: list[RunningJob] = []
        waiting: list[RunningJob] = []
        others = 0
        for number, job in self._running.items():
            if number in self._over:
                continue
            if len(begun) == _NAMED:  # enough: each costs a look at its log
                others += 1
            elif not job.has_log:
                waiting.append(job)
            elif not job.ending:
                begun.append(job)
            elif job.written > job.start:  # otherwise it may be that of an attempt just before
                self._over.add(number)
        named = [*begun, *waiting][:_NAMED]
        others += len(begun) + len(waiting) - len(named)
        jobs = []
        for job in named:
            since = duration(now - job.start)
            jobs.append(f"{job.words} ({', '.join(filter(None, [since, job.news]))})")
        if others:
            jobs.append(f"{others} more")
        return f"{self._head(now)}now {'; '.join(jobs)}" if jobs else ""

    def failures(self) -> list[str]:
        """Lines on the jobs that failed: what, why, and where the log is; none if no job failed."""
        if not self._failed:
            return []
        not_run = self.total - self.done - len(self._failed)
        heading = f"{len(self._failed)} of {self.total} jobs failed"
        lines = [f"{heading}, {not_run} did not run:" if not_run else f"{heading}:"]
        causes: dict[str, list[tuple[RunningJob, str]]] = {}
        for job, why, log in sorted(
            self._failed.values(), key=lambda failure: not failure[0].reason
        ):
            causes.setdefault(why, []).append((job, log))
        for why, ((job, log), *others) in list(causes.items())[:_SHOWN]:
            lines.append(f"  {job.words}: {why}")
            lines.append(f"    log: {log}" if log else "    it has no log")
            if others:
                names = [other.words for other, _ in others[:_NAMED]]
                if len(others) > _NAMED:
                    names.append(f"{len(others) - _NAMED} more")
                lines.append(f"    the same: {', '.join(names)}")
        if len(causes) > _SHOWN:
            rest = sum(len(jobs) for jobs in list(causes.values())[_SHOWN:])
            lines.append(f"  and {rest} others")
        return lines

    def _head(self, now: float) -> str:
        """The progress of the run, in columns."""
        seconds = self.left(now) if self.done < self.total else None
        left = "" if seconds is None else f"~{duration(seconds)} left"
        return f"{self.done:>{len(str(self.total))}} of {self.total}  {left:>12}  "


def _short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
