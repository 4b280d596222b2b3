"""Place the test embeddings of one task in the plane."""

import json

from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.tsne import tsne

with job(snakemake) as report:
    spec = json.loads(snakemake.params.spec)
    table, about = tsne([read_embeddings(path) for path in snakemake.input.test], spec)
    write_parquet(snakemake.output.table, table, provenance_json(about=about))
    report(f"{about['shown']} of {about['samples']} samples")
