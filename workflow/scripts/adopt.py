"""Check and convert embeddings that the user computed."""

from imprint.store.given_embeddings import adopt
from imprint.study.jobs.job import job

with job(snakemake):
    names = {name: snakemake.wildcards[name] for name in ("fm", "dataset", "split")}
    adopt(
        snakemake.input.embeddings,
        snakemake.output.embeddings,
        split=snakemake.wildcards.split,
        required=not snakemake.params.one_split,
        class_count=snakemake.params.class_count,
        provenance=names,
    )
