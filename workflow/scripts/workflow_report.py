"""Build Snakemake's own report."""

from pathlib import Path

from imprint.study.jobs.job import job
from imprint.study.jobs.page import build_page

with job(snakemake):
    snakefile = Path(snakemake.scriptdir).resolve().parents[1] / "Snakefile"
    build_page(snakemake.output.html, snakefile, snakemake.config, snakemake.input.style)
