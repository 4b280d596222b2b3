"""Measure the neural collapse of one task."""

import json

from imprint import store
from imprint.data.tasks import pool
from imprint.grid.collapse import measure_collapse
from imprint.kept import keeping, place
from imprint.workflow.job import job

with (
    job(snakemake) as did,
    keeping(place(snakemake.config["results"], snakemake.output.collapse)) as kept,
):
    spec = json.loads(snakemake.params.spec)
    train = pool([store.read_embeddings(path) for path in snakemake.input.train])
    table, work = measure_collapse(train, spec, kept, snakemake.params.code)
    store.write_parquet(snakemake.output.collapse, table, store.provenance(spec=spec))
    did(f"draws: {work}")
