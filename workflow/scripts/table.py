"""Write one table of one experiment."""

import json
from pathlib import Path

from imprint.method.presets import preset_rows
from imprint.report.tables import TABLES
from imprint.report.tables.writing import save
from imprint.study.jobs.job import job
from imprint.study.jobs.shown_rows import read_shown_rows

with job(snakemake):
    scores, collapse, *fms = read_shown_rows(snakemake.input, snakemake.params.selection)
    settings = json.loads(snakemake.params.settings)
    table = TABLES[snakemake.params.table].make(scores, collapse, preset_rows(), *fms, **settings)
    save(table, Path(snakemake.output.csv).with_suffix(""))
