"""Draw one figure of one experiment."""

import json
from pathlib import Path

from imprint.method.presets import preset_rows
from imprint.report.drawing.saving import save
from imprint.report.figures import FIGURES
from imprint.study.jobs.job import job, log
from imprint.study.jobs.shown_rows import read_shown_rows

with job(snakemake) as report:
    experiment, name = snakemake.wildcards.experiment, snakemake.params.figure
    reasons = []

    def missing(message):
        reasons.append(message)
        log.warning("experiment %s, figure %s: nothing to show. %s", experiment, name, message)
        report(f"nothing to show: {message}")

    scores, collapse, *fms = read_shown_rows(snakemake.input, snakemake.params.selection)
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
