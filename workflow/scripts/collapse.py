"""Measure the neural collapse of one task."""

import json

from imprint.data.pools import pool
from imprint.store.block_cache import open_blocks
from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.collapse import measure_collapse
from imprint.study.jobs.job import job

with (
    job(snakemake) as report,
    open_blocks(snakemake.params.blocks) as blocks,
):
    spec = json.loads(snakemake.params.spec)
    train = pool([read_embeddings(path) for path in snakemake.input.train])
    test = pool([read_embeddings(path) for path in snakemake.input.test], train)
    frame, work = measure_collapse(train, test, spec, blocks, snakemake.params.code)
    write_parquet(snakemake.output.collapse, frame, provenance_json(spec=spec))
    report(f"draws: {work}")
