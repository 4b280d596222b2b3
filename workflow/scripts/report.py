"""Build the report, or the page of one experiment."""

import json
from pathlib import Path

from imprint.report.page import build
from imprint.study.command import command_of
from imprint.study.jobs.job import job

with job(snakemake) as report:
    opening = snakemake.input.get("opening")
    build(
        snakemake.output.html,
        json.loads(snakemake.params.page),
        snakemake.params.results,
        Path(snakemake.input.template).parent,
        command_of(snakemake.config),
        Path(opening).read_text(encoding="utf-8") if opening else "",
    )
    report(snakemake.output.html)
