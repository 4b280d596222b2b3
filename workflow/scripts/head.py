"""Save the best head of one FM and task."""

import json

from imprint.analysis.frames import collect
from imprint.analysis.selection import method_in_words
from imprint.method.user_files import load_file
from imprint.store.embeddings import read_embeddings
from imprint.store.frames import read_parquet
from imprint.study.jobs.heads import save_best_head
from imprint.study.jobs.job import job

with job(snakemake) as report:
    for file in snakemake.params.components:
        load_file(file)
    best = save_best_head(
        snakemake.output.head,
        collect([read_parquet(path) for path in snakemake.input.scores]),
        json.loads(snakemake.params.grid),
        [read_embeddings(path) for path in snakemake.input.train],
        json.loads(snakemake.params.groups),
        dict(zip(snakemake.params.gens, snakemake.input.proxies, strict=True)),
        snakemake.params.checkpoint,
    )
    report(f"{method_in_words(best.configuration.columns())}, accuracy {best.accuracy:.4f}")
