"""Predict the test samples of one task as one cell does."""

import json

from imprint import store
from imprint.grid.predictions import choose, predictions
from imprint.method import k_of
from imprint.workflow.job import job

with job(snakemake) as did:
    spec = json.loads(snakemake.params.spec)
    configuration, seed = choose(store.read_parquet(snakemake.input.scores), spec)
    files = {
        (gen, k_of(k)): path
        for (gen, k), path in zip(snakemake.params.generations, snakemake.input.proxies, strict=True)
    }
    sets = store.read_proxies(files[configuration.gen, configuration.k])
    proxies = store.proxies_of(sets, configuration.norm_pre, seed, spec["draw"])
    train, test = (
        [store.read_embeddings(path) for path in paths]
        for paths in (snakemake.input.train, snakemake.input.test)
    )
    table, about = predictions(train, test, proxies, configuration, seed, spec)
    store.write_parquet(snakemake.output.table, table, store.provenance(about=about))
    did(f"{configuration}, seed {seed}, accuracy {about['accuracy']:.4f}")
