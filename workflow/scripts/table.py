"""Write one table of one experiment."""

import json
from pathlib import Path

from imprint import store, tables
from imprint.config.presets import published
from imprint.grid.tidy import rows_of
from imprint.workflow import job

with job(snakemake):
    selection = json.loads(snakemake.params.selection)
    scores = rows_of(store.read_parquet(snakemake.input.scores), selection)
    collapse = rows_of(store.read_parquet(snakemake.input.collapse), selection)
    made = tables.find(snakemake.params.table).make(scores, collapse, published())
    tables.save(made, Path(snakemake.output.csv).with_suffix(""))
