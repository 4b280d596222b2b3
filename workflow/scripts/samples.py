"""Draw some training images of each class and dataset of one task."""

import json

from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.samples import samples

with job(snakemake) as report:
    spec = json.loads(snakemake.params.spec)
    table, description = samples([read_embeddings(path) for path in snakemake.input.train], spec)
    write_parquet(snakemake.output.table, table, provenance_json(about=description))
    report(f"{len(table)} samples")
