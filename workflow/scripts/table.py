"""Write one table of one experiment."""

import json
from pathlib import Path

from imprint.analysis.frames import collect, rows_of
from imprint.method.presets import preset_rows
from imprint.report.tables import TABLES
from imprint.report.tables.writing import save
from imprint.store.frames import read_parquet
from imprint.study.jobs.job import job

with job(snakemake):
    selection = json.loads(snakemake.params.selection)
    scores, collapse, *fms = (
        rows_of(collect([read_parquet(path) for path in paths]), selection)
        for paths in (snakemake.input.scores, snakemake.input.collapse, snakemake.input.fms)
        if paths
    )
    settings = json.loads(snakemake.params.settings)
    table = TABLES[snakemake.params.table].make(scores, collapse, preset_rows(), *fms, **settings)
    save(table, Path(snakemake.output.csv).with_suffix(""))
