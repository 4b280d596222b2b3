"""Write one table of one experiment."""

import json
from pathlib import Path

from imprint.analysis.frames import rows_of
from imprint.method.presets import published
from imprint.report.tables import TABLES
from imprint.report.tables.writing import save
from imprint.store.frames import read_parquet
from imprint.study.jobs.job import job

with job(snakemake):
    selection = json.loads(snakemake.params.selection)
    scores, collapse, *fms = (rows_of(read_parquet(path), selection) for path in snakemake.input)
    settings = json.loads(snakemake.params.settings)
    table = TABLES[snakemake.params.table].make(scores, collapse, published(), *fms, **settings)
    save(table, Path(snakemake.output.csv).with_suffix(""))
