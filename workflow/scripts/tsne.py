"""Place the test embeddings of one task in the plane."""

import json

from imprint import store
from imprint.grid.tsne import tsne
from imprint.workflow.job import job

with job(snakemake) as did:
    spec = json.loads(snakemake.params.spec)
    table, about = tsne([store.read_embeddings(path) for path in snakemake.input.test], spec)
    store.write_parquet(snakemake.output.table, table, store.provenance(about=about))
    did(f"{about['shown']} of {about['samples']} samples")
