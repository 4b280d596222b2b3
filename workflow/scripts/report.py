"""Build the report with Snakemake's own reporter, from a second Snakemake that only reads."""

import json
import subprocess
import sys

from imprint.store import atomic
from imprint.workflow.job import job, log

with job(snakemake), atomic(snakemake.output.html) as page:
    config = snakemake.config
    command = [sys.executable, "-m", "snakemake", "study", "-s", config["snakefile"]]
    command += [
        "--report",
        str(page),
        "--report-stylesheet",
        snakemake.input.style,
        "--nolock",
        "--cores",
        "1",
    ]
    if config["configfiles"]:
        command += ["--configfile", *config["configfiles"]]
    if config["overrides"]:
        command += ["--config", *(f"{key}={json.dumps(value)}" for key, value in config["overrides"].items())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    log.info("%s", done.stdout + done.stderr)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [""]
        raise RuntimeError(f"the report could not be built: {said[-1]}")
