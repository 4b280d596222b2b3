"""Build Snakemake's own report."""

from pathlib import Path

from imprint.study.jobs.job import job
from imprint.study.jobs.workflow_report import build_workflow_report

with job(snakemake):
    snakefile = Path(snakemake.scriptdir).resolve().parents[1] / "Snakefile"
    build_workflow_report(snakemake.output.html, snakefile, snakemake.config, snakemake.input.style)
