"""Draw one figure of one experiment."""

from pathlib import Path

from imprint import plots, store
from imprint.grid.tidy import rows_of
from imprint.presets import published
from imprint.workflow.job import job, log

with job(snakemake) as did:
    experiment, name = snakemake.wildcards.experiment, snakemake.params.figure

    def missing(what):
        log.warning("experiment %s, figure %s: nothing to show. %s", experiment, name, what)
        did(f"nothing to show: {what}")

    selection = snakemake.config["selections"][experiment]["grids"]
    scores = rows_of(store.read_parquet(snakemake.input.scores), selection)
    collapse = rows_of(store.read_parquet(snakemake.input.collapse), selection)
    figure = plots.find(name).draw(
        scores, collapse, published(), width=snakemake.params.width, missing=missing
    )
    plots.save(figure, Path(snakemake.output.png).with_suffix(""))
