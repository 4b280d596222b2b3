"""Where a study stands: what is done, what is to do and why, and how long that took before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from imprint.data.registry import MANIFEST
from imprint.errors import UserError
from imprint.kept import FOLDER, contents
from imprint.units import duration, size

# where jobs write, below the results; what lies elsewhere is none of theirs
OURS = (
    "downloads",
    "data",
    "fms",
    "embeddings",
    "proxies",
    "scores",
    "collapse",
    "tables",
    "figures",
    "heads",
)


@dataclass
class Rule:
    """Jobs of one rule: done, to do by reason, and the seconds of processor that these will take, if any ran before."""

    done: int = 0
    why: Counter[str] = field(default_factory=Counter)
    seconds: float | None = 0.0


@dataclass(frozen=True)
class Status:
    """The jobs of a study by rule, what is kept of finished work, and files that no job of the study makes.

    running: another run is at work in this folder. cores: what times are told for.
    """

    rules: dict[str, Rule]
    cores: int
    running: bool
    blocks: int
    unused: int
    kept_size: int
    leftovers: list[str]

    @property
    def seconds(self) -> float:
        """Time for what is to do, on all cores; jobs of rules that never ran are not counted."""
        return sum(rule.seconds or 0 for rule in self.rules.values()) / self.cores

    def as_dict(self) -> dict[str, Any]:
        rules = {name: {**vars(rule), "why": dict(rule.why)} for name, rule in self.rules.items()}
        return {**vars(self), "rules": rules, "seconds": self.seconds}


def status(results: str | Path, config: str | None = None, cores: int | None = None) -> Status:
    """The status of the study in `config` (None: config.yaml) in the working directory; computes nothing."""
    cores = cores or os.cpu_count() or 1
    plan = _plan(config, cores)
    kept = list(contents(results))
    return Status(
        _rules(plan["jobs"]),
        cores,
        plan["running"],
        sum(found.blocks for found in kept),
        sum(found.unused for found in kept),
        sum(found.size for found in kept),
        sorted(_leftovers(Path(results), {file for job in plan["jobs"] for file in job["output"]})),
    )


def _plan(config: str | None, cores: int) -> dict[str, Any]:
    """What Snakemake would do here, by `workflow/plan.py`, which stands beside the Snakefile."""
    roots = (Path.cwd(), Path(__file__).parents[2])
    root = next((root for root in roots if (root / "workflow" / "plan.py").is_file()), None)
    if root is None:
        raise UserError(
            "there is no workflow here; run this in a checkout of imprint, where the Snakefile is"
        )
    command = [sys.executable, str(root / "workflow" / "plan.py"), "-s", str(root / "Snakefile")]
    command += ["--cores", str(cores), *(["--config", f"study={config}"] if config else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific")]
        raise UserError("\n".join(said) or "the plan could not be made")
    return json.loads(done.stdout)


def _rules(jobs: list[dict[str, Any]]) -> dict[str, Rule]:
    """Jobs by rule, in the order of the workflow."""
    times = defaultdict(list)
    for job in jobs:
        if job["seconds"] is not None:
            times[job["rule"]].append(job["seconds"])
    rules: dict[str, Rule] = {}
    for job in jobs:
        rule = rules.setdefault(job["rule"], Rule())
        if job["why"] is None:
            rule.done += 1
            continue
        rule.why[job["why"]] += 1
        known = times[job["rule"]]
        if not known:
            rule.seconds = None
        elif rule.seconds is not None:
            rule.seconds += median(known) * job["threads"]
    return rules


def _leftovers(results: Path, wanted: set[str]) -> Iterator[str]:
    """Files in the folders of the results that no job of the study makes: of what was taken out of it."""
    known = {Path(file).absolute() for file in wanted}
    known |= {file.parent for file in known if file.name == MANIFEST}  # what lies beside it belongs to it
    for folder in OURS:
        for path in (results / folder).rglob("*"):
            # of jobs that were stopped
            partial = path.suffix == ".partial" or any(
                part.startswith(".") for part in path.relative_to(results).parts
            )
            there = path.is_file() or path.is_symlink()
            if there and not partial and not known & {path.absolute(), *path.absolute().parents}:
                yield str(path)


def told(found: Status) -> Iterator[str]:
    """The status in words, a line each."""
    done = sum(rule.done for rule in found.rules.values())
    todo = {name: rule for name, rule in found.rules.items() if rule.why}
    count = sum(sum(rule.why.values()) for rule in todo.values())
    if found.running:
        yield "A run is under way here; what it is making counts as to do."
    if not todo:
        yield f"All {done} jobs are done."
    else:
        unknown = [name for name, rule in todo.items() if rule.seconds is None]
        time = (
            f"about {duration(found.seconds)} on {found.cores} cores, as long as such jobs took before"
            if len(unknown) < len(todo)
            else "their time is not known yet"
        )
        yield f"{done} of {done + count} jobs are done; {count} to do: {time}."
        yield ""
        yield f"{'rule':<28}{'to do':>6}{'done':>7}{'time':>9}   why"
        for name, rule in todo.items():
            time = "?" if rule.seconds is None else duration(rule.seconds / found.cores)
            why = "; ".join(f"{text} ({number})" for text, number in rule.why.most_common(3))
            more = len(rule.why) - 3
            why += f"; {more} other reasons" if more > 0 else ""
            yield f"{name:<28}{sum(rule.why.values()):>6}{rule.done:>7}{time:>9}   {why}"
        if unknown:
            yield f"No job of {', '.join(unknown)} ran before: `imprint doctor` estimates their time."
        yield ""
    if found.blocks:
        unused = f"; the last runs did not use {found.unused:,} (see `imprint cache`)" if found.unused else ""
        yield (
            f"Kept of finished work in {FOLDER}/: {found.blocks:,} blocks, {size(found.kept_size)}{unused}."
        )
    if found.leftovers:
        yield (
            f"{len(found.leftovers):,} files belong to nothing in this study, such as {found.leftovers[0]} "
            "(`imprint status --leftovers` lists them)."
        )
