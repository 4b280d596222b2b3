"""Place the test embeddings of one task, and the proxies of one cell, in the plane."""

import json

from imprint.method.user_files import load_file
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.shown_cell import read_inputs
from imprint.study.jobs.tsne import tsne

with job(snakemake) as report:
    spec = json.loads(snakemake.params.spec)
    for file in snakemake.params.components:
        load_file(file)
    inputs = read_inputs(snakemake.input, snakemake.params.gens, spec)
    table, description = tsne(*inputs, spec)
    write_parquet(snakemake.output.table, table, provenance_json(about=description))
    report(f"{description['shown']} of {description['samples']} samples")
