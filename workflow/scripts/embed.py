"""Embed one split of one dataset by one FM, or one shard of it, or join its shards."""

from imprint.study.jobs.job import job

with job(snakemake) as report:
    from imprint.study.jobs.embeddings import embed  # imports torch

    if note := embed(snakemake):
        report(note)
