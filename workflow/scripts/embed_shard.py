"""Embed one shard of a split of one dataset by one FM."""

from imprint.study.jobs.job import job

with job(snakemake):
    from imprint.study.jobs.embeddings import embed_shard  # imports torch

    embed_shard(snakemake)
