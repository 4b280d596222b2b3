"""Draw one figure of one experiment."""

from pathlib import Path

from imprint import plots, store
from imprint.config.presets import published
from imprint.grid.tidy import rows_of
from imprint.workflow import job

with job(snakemake):
    selection = snakemake.config["selections"][snakemake.wildcards.experiment]
    scores = rows_of(store.read_parquet(snakemake.input.scores), selection)
    collapse = rows_of(store.read_parquet(snakemake.input.collapse), selection)
    figure = plots.find(snakemake.params.figure).draw(scores, collapse, published())
    plots.save(figure, Path(snakemake.output.png).with_suffix(""))
