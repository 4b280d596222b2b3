"""Embed one shard of a split of one dataset by one FM."""

import json
from pathlib import Path

from imprint.study.jobs.job import job

with job(snakemake):
    from imprint.study.jobs.embeddings import embed_shard  # imports torch

    wildcards, resources = snakemake.wildcards, snakemake.resources
    embed_shard(
        snakemake.output.rows,
        json.loads(snakemake.params.fm) | {"checkpoint": snakemake.input.get("weights")},
        json.loads(snakemake.params.dataset),
        shard=int(wildcards.shard),
        shards=int(wildcards.shards),
        folder=Path(snakemake.input.manifest).parent,
        root=json.loads(resources.roots)[wildcards.dataset],
        names={name: wildcards[name] for name in ("fm", "dataset", "split")},
        compute=json.loads(resources.compute),
        threads=snakemake.threads,
    )
