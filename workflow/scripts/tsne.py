"""Place the test embeddings of one task, and the proxies of one cell, in the plane."""

import json

from imprint.analysis.frames import collect
from imprint.method.user_files import load_file
from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import read_parquet, write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.shown_cell import read_cell
from imprint.study.jobs.tsne import tsne

with job(snakemake) as report:
    spec = json.loads(snakemake.params.spec)
    for file in snakemake.params.components:
        load_file(file)
    files = dict(zip(snakemake.params.gens, snakemake.input.proxies, strict=True))
    scores = collect([read_parquet(path) for path in snakemake.input.scores])
    cell = read_cell(scores, files, spec)
    train, test = (
        [read_embeddings(path) for path in paths]
        for paths in (snakemake.input.train, snakemake.input.test)
    )
    table, description = tsne(train, test, *cell, spec)
    write_parquet(snakemake.output.table, table, provenance_json(about=description))
    report(f"{description['shown']} of {description['samples']} samples")
