"""Measure the neural collapse of one task."""

import json

from imprint import store
from imprint.data.tasks import pool
from imprint.grid.collapse import measure_collapse
from imprint.workflow import job

with job(snakemake):
    spec = json.loads(snakemake.params.spec)
    train = pool([store.read_embeddings(path) for path in snakemake.input.train])
    table = measure_collapse(train, spec)
    store.write_parquet(snakemake.output.collapse, table, store.provenance(spec=spec))
