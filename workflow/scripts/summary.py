"""Write a few lines on what was run and which methods won, and the opening of the report."""

import json
from pathlib import Path

from imprint.analysis import summary
from imprint.method.presets import preset_rows
from imprint.report.opening import opening
from imprint.store.files import write_text
from imprint.store.frames import read_parquet
from imprint.study.jobs.job import job

with job(snakemake):
    scores, collapse = (
        read_parquet(path) for path in (snakemake.input.scores, snakemake.input.collapse)
    )
    lines = summary.lines(scores, collapse, preset_rows())
    template = Path(snakemake.input.template).read_text(encoding="utf-8")
    overview = json.loads(snakemake.params.overview)
    for path, text in (
        (snakemake.output.summary, "\n".join(lines)),
        (snakemake.output.report, opening(template, lines, overview)),
    ):
        write_text(path, text + "\n")
