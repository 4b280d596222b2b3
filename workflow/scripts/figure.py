"""Draw one figure of one experiment."""

import json
from pathlib import Path

from imprint.analysis.frames import collect, rows_of
from imprint.method.presets import preset_rows
from imprint.report.drawing.saving import save
from imprint.report.figures import FIGURES
from imprint.store.frames import read_parquet
from imprint.study.jobs.job import job, log

with job(snakemake) as report:
    experiment, name = snakemake.wildcards.experiment, snakemake.params.figure
    reasons = []

    def missing(message):
        reasons.append(message)
        log.warning("experiment %s, figure %s: nothing to show. %s", experiment, name, message)
        report(f"nothing to show: {message}")

    selection = json.loads(snakemake.params.selection)
    scores, collapse, *fms = (
        rows_of(collect([read_parquet(path) for path in paths]), selection)
        for paths in (snakemake.input.scores, snakemake.input.collapse, snakemake.input.fms)
        if paths
    )
    figure = FIGURES[name].draw(
        scores,
        collapse,
        preset_rows(),
        *fms,
        width=snakemake.params.width,
        missing=missing,
        **json.loads(snakemake.params.settings),
    )
    save(figure, Path(snakemake.output.png).with_suffix(""), empty=" ".join(reasons))
