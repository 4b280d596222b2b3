"""Embed one split of one dataset by one FM, or join its shards."""

import json
from pathlib import Path

from imprint.store.shards import write_shards
from imprint.study.jobs.job import job

with job(snakemake):
    from imprint.study.jobs.embeddings import embed  # imports torch

    wildcards, resources, params = snakemake.wildcards, snakemake.resources, snakemake.params
    shards = snakemake.input.shards
    embed(
        snakemake.output.embeddings,
        json.loads(params.fm) | {"checkpoint": snakemake.input.get("weights")},
        json.loads(params.dataset),
        folder=Path(snakemake.input.manifest).parent,
        root=json.loads(resources.roots)[wildcards.dataset],
        names={name: wildcards[name] for name in ("fm", "dataset", "split")},
        compute=json.loads(resources.compute),
        threads=snakemake.threads,
        shards=shards,
    )
    write_shards(
        snakemake.output.embeddings, len(shards) or 1, [params.fm, params.dataset, params.code]
    )
