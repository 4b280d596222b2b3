"""Draw one figure of one FM and task."""

from pathlib import Path

from imprint import plots, store
from imprint.workflow.job import job

with job(snakemake):
    about = store.read_provenance(snakemake.input.table)["about"]
    about |= {key: snakemake.wildcards[key] for key in ("fm", "task")}
    figure = plots.find(snakemake.params.figure).draw(
        store.read_parquet(snakemake.input.table), about, None, width=snakemake.params.width
    )
    plots.save(figure, Path(snakemake.output.png).with_suffix(""))
