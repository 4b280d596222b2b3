"""What a run would do, and why, as one JSON object: for `imprint status`. Takes Snakemake's own arguments.

It builds the plan of `snakemake --dry-run` and reads it, with the reasons and the run times that Snakemake recorded.
"""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path

from snakemake.api import DAGApi
from snakemake.cli import args_to_api, parse_args


def main() -> int:
    plans = []
    execute = DAGApi.execute_workflow

    def planned(self, *arguments, **settings):
        execute(self, *arguments, **settings)
        plans.append(described(self.workflow_api._workflow))

    DAGApi.execute_workflow = planned
    parser, given = parse_args([*sys.argv[1:], "--dry-run"])
    with contextlib.redirect_stdout(io.StringIO()):  # which is for the plan alone
        args_to_api(given, parser)
    if not plans:
        return 1
    print(json.dumps(plans[0]))
    return 0


def described(workflow):
    """The jobs of a plan, and whether a run is under way."""
    dag, records = workflow.dag, workflow.persistence
    order = {rule.name: number for number, rule in enumerate(workflow.rules)}
    jobs = []
    for job in sorted((job for job in dag.jobs if job.output), key=lambda job: order[job.rule.name]):
        record = records.metadata(job.output[0])
        seconds = (
            record.endtime - record.starttime if record and record.endtime and record.starttime else None
        )
        why = None
        if dag.needrun(job):
            why = reason(dag.reason(job), job, made_before=record is not None)
        jobs.append(
            {
                "rule": job.rule.name,
                "output": [str(file) for file in job.output],
                "threads": job.threads,
                "seconds": seconds,
                "why": why,
            }
        )
    return {"jobs": jobs, "running": bool(list(Path(".snakemake/locks").glob("*.lock")))}


def reason(found, job, made_before):
    """In a few words why a job runs: the first of its reasons."""
    if found.incomplete_output:
        return "a run was stopped while it was made"
    if found.missing_output:
        return "its file is gone" if made_before else "new"
    if found.params_changed:
        return changed(found.params_changed, job)
    if found.input_changed:
        return "it reads other files"
    newer = found.updated_input - found.updated_input_run
    if newer:
        return f"{min(map(str, newer))} has changed"
    if found.software_stack_changed:
        return "its software environment changed"
    return "what it reads is made anew" if found.updated_input_run else "it is asked for"


def changed(difference, job):
    """What changed in the parameters of a rule: its code, or the configuration, by key."""
    names = [name for name, value in job.params.items() if repr(value) in difference.only_new]
    if "code" in names:
        return "its code changed"
    before, now = (
        [value for text in texts if isinstance(value := parsed(text), dict)]
        for texts in (difference.only_old, difference.only_new)
    )
    if len(before) == len(now) == 1:
        keys = sorted(k for k in {*before[0], *now[0]} if before[0].get(k) != now[0].get(k))
        if keys == ["cells"]:
            old, new = (cells(spec["cells"]) for spec in (before[0], now[0]))
            parts = [f"{len(new - old)} cells more"] * bool(new - old)
            return ", ".join(parts + [f"{len(old - new)} fewer"] * bool(old - new))
        return f"configuration: {', '.join(keys)}"
    return f"configuration: {', '.join(names) or 'fewer parameters'}"


def parsed(text):
    """A parameter as recorded: the text of a Python value, which may be a text of JSON."""
    try:
        return json.loads(ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError):
        return None


def cells(listed):
    return {(json.dumps(cell[:-1]), seed) for cell in listed for seed in cell[-1]}


if __name__ == "__main__":
    sys.exit(main())
