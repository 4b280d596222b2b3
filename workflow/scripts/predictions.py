"""Predict the test samples of one task as one cell does."""

import json

from imprint.method.proxies import proxy_set_for
from imprint.method.user_files import load_file
from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import read_parquet, write_parquet
from imprint.store.proxies import read_proxies
from imprint.study.jobs.job import job
from imprint.study.jobs.predictions import choose, predictions

with job(snakemake) as report:
    spec = json.loads(snakemake.params.spec)
    for file in snakemake.params.components:
        load_file(file)
    configuration, seed = choose(read_parquet(snakemake.input.scores), spec)
    generations = map(tuple, snakemake.params.generations)
    files = dict(zip(generations, snakemake.input.proxies, strict=True))
    sets = read_proxies(files[configuration.gen, configuration.k.label])
    proxies = proxy_set_for(sets, configuration.norm_pre, seed, spec["draw"])
    train, test = (
        [read_embeddings(path) for path in paths]
        for paths in (snakemake.input.train, snakemake.input.test)
    )
    frame, description = predictions(train, test, proxies, configuration, seed, spec)
    write_parquet(snakemake.output.table, frame, provenance_json(about=description))
    report(f"{configuration.as_dict()}, seed {seed}, accuracy {description['accuracy']:.4f}")
