"""Write one table of one experiment."""

from pathlib import Path

from imprint import store, tables
from imprint.grid.tidy import rows_of
from imprint.presets import published
from imprint.workflow.job import job

with job(snakemake):
    selection = snakemake.config["selections"][snakemake.wildcards.experiment]["grids"]
    scores = rows_of(store.read_parquet(snakemake.input.scores), selection)
    collapse = rows_of(store.read_parquet(snakemake.input.collapse), selection)
    made = tables.find(snakemake.params.table).make(scores, collapse, published())
    tables.save(made, Path(snakemake.output.csv).with_suffix(""))
