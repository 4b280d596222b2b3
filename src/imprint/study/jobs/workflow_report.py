"""The job that builds Snakemake's own report, in a second Snakemake process that only reads."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from imprint.store.files import atomic
from imprint.study.jobs.job import log


def build_workflow_report(
    path: str | Path, snakefile: str | Path, config: Mapping[str, Any], style: str | Path
) -> None:
    """Build Snakemake's report of a finished study.

    Parameters
    ----------
    path : path
        The HTML file.
    snakefile : path
        The workflow.
    config : mapping
        The configuration of this run, from `--configfile` and `--config`.
    style : path
        A CSS file.
    """
    with (
        atomic(path) as page,
        tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file,
    ):
        yaml.safe_dump(dict(config), file, sort_keys=False)
        file.flush()
        command = [sys.executable, "-m", "snakemake", "study", "--snakefile", str(snakefile)]
        command += ["--configfile", file.name, "--report", str(page)]
        command += ["--report-stylesheet", str(style), "--nolock", "--cores", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    log.info("%s", done.stdout + done.stderr)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [""]
        raise RuntimeError(f"the report could not be built: {lines[-1]}")
