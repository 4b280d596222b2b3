"""The status of a study: what is done, what is to do and why, and how long that took before.

What is to do comes from `snakemake --summary`; the times of jobs are at the end of their logs.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePath
from statistics import median
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.processor import usable_cores
from imprint.store import block_cache, class_fits
from imprint.store.paths import FOLDERS, MANIFEST, experiment_report_file
from imprint.study import running

if TYPE_CHECKING:
    from imprint.study.grid import Study
from imprint.study.job_log import START, ending

# suffixes of the files of jobs that make several
OUTPUT_SUFFIXES = {
    ".csv",
    ".md",
    ".tex",
    ".html",
    ".png",
    ".pdf",
    ".safetensors",
    ".json",
    ".txt",
    ".rst",
}

# the columns of `snakemake --summary` that are read
COLUMNS = ("output_file", "rule", "log-file(s)", "status", "plan")
TO_DO = "update pending"  # in `plan`
REASONS = {  # by the text in `status`
    "updated input files": "it or one of its inputs changed",
    "set of input files changed": "its set of inputs changed",
    "params changed": "its code or its configuration changed",
    "rule implementation changed": "its rule changed",
    "ok": "its inputs are made again",
}

_LOGS = 100  # logs read for each rule at most, enough for a median
_OWN_LINES = ("Using workflow specific profile", "Building DAG of jobs")  # of Snakemake, no errors


@dataclass(frozen=True)
class PlannedJob:
    """One job of the plan.

    Attributes
    ----------
    rule : str
        Name of its rule.
    outputs : list of str
        Its files.
    why : str or None
        The reason to run it; None if it is done.
    log : str or None
        Its log, if it ever ran.
    """

    rule: str
    outputs: list[str]
    why: str | None
    log: str | None


@dataclass
class Rule:
    """The jobs of one rule.

    Attributes
    ----------
    done : int
        How many are done.
    why : Counter
        How many are to do, by reason.
    seconds : float or None
        Seconds on one core that these will take; None if no job of the rule ran before.
    """

    done: int = 0
    why: Counter[str] = field(default_factory=Counter)
    seconds: float | None = 0.0


@dataclass(frozen=True)
class Status:
    """The status of a study.

    Attributes
    ----------
    rules : dict
        Jobs by rule.
    cores : int
        Cores that times are estimated for.
    running : bool
        Whether a run is at work in these results.
    killed : bool
        Whether the last run in these results was killed.
    blocks, unused, kept_size : int
        Blocks of finished work, how many of them the last runs did not use, and the bytes of all.
    leftovers : list of str
        Result files that no job of the study makes.
    """

    rules: dict[str, Rule]
    cores: int
    running: bool
    killed: bool
    blocks: int
    unused: int
    kept_size: int
    leftovers: list[str]

    @property
    def seconds(self) -> float:
        """Time for what is to do, on all cores; jobs of rules that never ran are not counted."""
        return sum(rule.seconds or 0 for rule in self.rules.values()) / self.cores

    def as_dict(self) -> dict[str, Any]:
        """The fields in JSON types, with `seconds`."""
        rules = {name: {**vars(rule), "why": dict(rule.why)} for name, rule in self.rules.items()}
        return {**vars(self), "rules": rules, "seconds": self.seconds}


def status(study: Study, config: str | None = None, cores: int | None = None) -> Status:
    """The status of the study in the working directory; computes and changes nothing.

    Parameters
    ----------
    study : Study
        The study.
    config : str, optional
        Its configuration; config.yaml by default.
    cores : int, optional
        Cores that times are estimated for; all by default.

    Raises
    ------
    UserError
        If there is no workflow, or Snakemake cannot plan the study.
    """
    cores = cores or usable_cores()
    jobs = plan(_snakefile(), config, cores)
    files = [*block_cache.contents(study.root), *class_fits.contents(study.root)]
    outputs = [Path(output) for job in jobs for output in job.outputs]
    # made only on request, so not in the plan
    outputs += [experiment_report_file(study.root, name) for name in study.config.experiments]
    state = running.state(study.root)
    return Status(
        rules=jobs_by_rule(jobs),
        cores=cores,
        running=state is running.State.AT_WORK,
        killed=state is running.State.KILLED,
        blocks=sum(file.blocks for file in files),
        unused=sum(file.unused for file in files),
        kept_size=sum(file.size for file in files),
        leftovers=sorted(_leftovers(study.root, outputs)),
    )


def outdated_outputs(config: str | None = None) -> set[Path]:
    """The absolute paths of files that the study in the working directory has still to make, or to make again.

    Raises
    ------
    UserError
        As `plan` does.
    """
    jobs = plan(_snakefile(), config)
    return {Path(output).absolute() for job in jobs if job.why for output in job.outputs}


def _snakefile() -> Path:
    """The workflow of the working directory, or else of the checkout that this package is installed from."""
    for folder in (Path.cwd(), Path(__file__).parents[3]):
        if (folder / "Snakefile").is_file():
            return folder / "Snakefile"
    raise UserError(
        "there is no workflow here; run this in a checkout of imprint, where the Snakefile is"
    )


def plan(snakefile: str | Path, config: str | None = None, cores: int = 1) -> list[PlannedJob]:
    """All jobs of the study in the working directory, in the order of Snakemake's plan.

    Raises
    ------
    UserError
        With Snakemake's message if it cannot plan, as when the configuration has problems.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
    command += ["--cores", str(cores), "--summary"]
    command += ["--config", f"study={config}"] if config else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = filter(None, done.stderr.splitlines())
        message = "\n".join(line for line in lines if not line.startswith(_OWN_LINES))
        raise UserError(message or "Snakemake cannot plan the study")
    return list(parse_summary(done.stdout))


def parse_summary(summary: str) -> Iterator[PlannedJob]:
    """The jobs in the text of `snakemake --summary`.

    It has a line for each file. Files of one job follow each other and differ in their suffix (see `OUTPUT_SUFFIXES`) alone.
    """
    lines = iter(summary.splitlines())
    header = next((line for line in lines if line.startswith(COLUMNS[0] + "\t")), "").split("\t")
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UserError(
            f"the --summary of this Snakemake has no column {', '.join(missing)}; "
            "install a version that pyproject.toml allows"
        )
    rows = csv.DictReader(lines, header, delimiter="\t", quoting=csv.QUOTE_NONE)
    for (rule, _), group in groupby(rows, _job_of):
        files = list(group)
        logs = (file["log-file(s)"].split(",")[0] for file in files)
        log = next((log for log in logs if log != "-"), None)
        outputs = [file["output_file"] for file in files]
        yield PlannedJob(rule, outputs, _reason(files, log), log)


def _job_of(file: dict[str, str]) -> tuple[str, PurePath]:
    path = PurePath(file["output_file"])
    return file["rule"], path.with_suffix("") if path.suffix in OUTPUT_SUFFIXES else path


def _reason(files: list[dict[str, str]], log: str | None) -> str | None:
    """The reason to run a job, or None. A missing file that nothing needs is not made."""
    if not any(file["plan"] == TO_DO for file in files):
        return None
    statuses = {file["status"] for file in files}
    if statuses & {"missing", "removed temp file"}:
        if log is None:
            return "new"
        if ending(log):
            return "its file is gone"
        return "it did not end: it failed, was stopped or is at work"
    reasons = [reason for text, reason in REASONS.items() if text in statuses]
    return reasons[0] if reasons else ", ".join(sorted(statuses))


def jobs_by_rule(jobs: Iterable[PlannedJob]) -> dict[str, Rule]:
    """Jobs by rule; a job to do is expected to take the median time of those that ran before."""
    rules: dict[str, Rule] = {}
    logs: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        rule = rules.setdefault(job.rule, Rule())
        if job.why is None:
            rule.done += 1
        else:
            rule.why[job.why] += 1
        if job.log is not None:
            logs[job.rule].append(job.log)
    for name, rule in rules.items():
        if rule.why:
            times = list(_logged_seconds(logs[name]))
            rule.seconds = (START + median(times)) * rule.why.total() if times else None
    return rules


def _logged_seconds(logs: list[str]) -> Iterator[float]:
    """Seconds on one core of the successful jobs with these logs."""
    for log in logs[:: max(1, len(logs) // _LOGS)]:
        if ended := ending(log):
            yield ended.seconds * ended.threads


def _leftovers(results: Path, outputs: Iterable[Path]) -> Iterator[str]:
    """Files in the folders of the results that no job makes, as of parts removed from the study."""
    known = {output.absolute() for output in outputs}
    # files beside a manifest belong to it
    known |= {path.parent for path in known if path.name == MANIFEST}
    for folder in FOLDERS:
        for path in (results / folder).rglob("*"):
            hidden = any(name.startswith(".") for name in path.relative_to(results).parts)
            if hidden or path.suffix == ".partial":  # of jobs that were stopped
                continue
            is_file = path.is_file() or path.is_symlink()
            if is_file and not known & {path.absolute(), *path.absolute().parents}:
                yield str(path)
