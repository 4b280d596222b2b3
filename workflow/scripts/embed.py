"""Embed one split of one dataset by one FM."""

import json
from pathlib import Path

from imprint.data import sources
from imprint.fm import extract, models
from imprint.workflow import job

with job(snakemake):
    fm, wildcards, compute = json.loads(snakemake.params.fm), snakemake.wildcards, snakemake.config["compute"]
    precision = fm.pop("precision")
    images = sources.open_split(
        Path(snakemake.input.manifest).parent,
        wildcards.split,
        **json.loads(snakemake.params.dataset),
        root=snakemake.config["datasets"][wildcards.dataset].get("root"),
    )
    extract.extract(
        models.load(**fm, checkpoint=snakemake.input.get("weights")),
        images,
        snakemake.output.embeddings,
        precision=precision,
        device=compute["device"],
        batch_size=compute["batch_size"],
        threads=snakemake.threads,
        provenance={"fm": wildcards.fm, "dataset": wildcards.dataset, "split": wildcards.split},
    )
