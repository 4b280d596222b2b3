"""Read the log of a job: how it ended, why it failed, its progress."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from imprint.formatting import count

FORMAT = "%(asctime)s %(levelname)s %(message)s"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

START = 1.0  # seconds that a job takes until its log begins

_TAIL = 8192  # bytes that are read of a log's end
_SUBMISSION_TAIL = 1 << 18  # the same of a submission, to which several jobs write
_LINE_START = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ([A-Z]+) ")
_USED = re.compile(r"used ([\d.]+) s of processor time and ([\d.]+) GiB of memory$", re.MULTILINE)
# lines of SLURM in the log of a submission, and what they tell; of several, the first that applies
_SLURM_LINE = re.compile(r"^(?:slurmstepd|srun)[^:]*: .*", re.MULTILINE)
_SLURM_REASONS = {
    re.compile(pattern, re.IGNORECASE): reason
    for pattern, reason in (
        (
            r"oom.?kill|out of memory|exceeded (?:(?:job|step) )?memory limit",
            "SLURM ended it: it used more memory than it requested; request more by `mem_mb` in the profile",
        ),
        (
            r"due to time limit",
            "SLURM ended it: it reached its time limit; request more by `runtime` in the profile",
        ),
        (r"due to node failure", "SLURM ended it: its node failed"),
        (r"due to preemption", "SLURM ended it: other jobs took its place (preemption)"),
        (r"\*\*\* job .* cancelled", "it was cancelled in SLURM"),
    )
}
_DONE = re.compile(r"done in ([\d.]+) s on (\d+) threads?(?:: (.*))?$")


@dataclass(frozen=True)
class Ending:
    """The end of a successful job: wall-clock seconds, threads, and a short text on the result."""

    seconds: float
    threads: int
    words: str

    def __str__(self) -> str:
        line = f"done in {self.seconds:.1f} s on {count(self.threads, 'thread')}"
        return f"{line}: {self.words}" if self.words else line


@dataclass(frozen=True)
class Usage:
    """What the process of a job used: processor seconds, and peak memory in GiB."""

    processor: float
    memory: float

    def __str__(self) -> str:
        return f"used {self.processor:.2f} s of processor time and {self.memory:.2f} GiB of memory"


def written(log: str | Path) -> float:
    """When a log was last written, in seconds since the epoch; 0 if there is none, or if it is empty.

    Of a group that fails, Snakemake makes empty logs for the jobs that never began.
    """
    try:
        state = Path(log).stat()
    except OSError:
        return 0.0
    return state.st_mtime if state.st_size else 0.0


def last_line(log: str | Path) -> str:
    """The last line of a log without its time and level; empty if there is no log."""
    lines = _tail(log).splitlines()
    return _LINE_START.sub("", lines[-1]) if lines else ""


def ending(log: str | Path) -> Ending | None:
    """How the job of a log ended; None if it failed or has not ended."""
    match = _DONE.search(last_line(log))
    return Ending(float(match[1]), int(match[2]), match[3] or "") if match else None


def usage(log: str | Path) -> Usage | None:
    """What the job of a log used; None if it failed or has not ended."""
    match = _USED.search(_tail(log))
    return Usage(float(match[1]), float(match[2])) if match else None


def reason(log: str | Path) -> str:
    """Why the job of a log failed, in one line; empty if the log does not say."""
    text = _tail(log)
    errors = [match for match in _LINE_START.finditer(text) if match[1] == "ERROR"]
    if not errors:
        return ""
    lines = text[errors[-1].end() :].strip().splitlines() or [""]
    return lines[-1 if lines[0].startswith("Traceback") else 0]


def slurm_reason(log: str | Path) -> str:
    """Why SLURM ended a submission, in one line; empty if its log does not say."""
    lines = "\n".join(_SLURM_LINE.findall(_tail(log, _SUBMISSION_TAIL)))
    return next((words for text, words in _SLURM_REASONS.items() if text.search(lines)), "")


def _tail(log: str | Path, size: int = _TAIL) -> str:
    """The end of a log, of so many bytes."""
    try:
        with open(log, "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - size))
            return file.read().decode(errors="replace").rstrip()
    except OSError:
        return ""
