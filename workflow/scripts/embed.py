"""Embed one split of one dataset by one FM, or take over embeddings that the user computed."""

import json
from pathlib import Path

from imprint.workflow.job import job

with job(snakemake):
    wildcards = snakemake.wildcards
    source = {"fm": wildcards.fm, "dataset": wildcards.dataset, "split": wildcards.split}
    if snakemake.input.get("given"):
        from imprint.fm.given import adopt

        adopt(snakemake.input.given, snakemake.output.embeddings, split=wildcards.split, provenance=source)
    else:
        from imprint.data import sources
        from imprint.fm import extract, models

        fm, subset = json.loads(snakemake.params.fm), json.loads(snakemake.params.dataset)
        compute, root = snakemake.config["compute"], snakemake.config["roots"][wildcards.dataset]
        precision, dtype, on_error = fm.pop("precision"), fm.pop("dtype"), subset.pop("on_error", "fail")
        images = sources.open_split(
            Path(snakemake.input.manifest).parent, wildcards.split, **subset, root=root
        )
        extract.extract(
            models.load(**fm, checkpoint=snakemake.input.get("weights")),
            images,
            snakemake.output.embeddings,
            precision=precision,
            dtype=dtype,
            on_error=on_error,
            device=compute["device"],
            batch_size=compute["batch_size"],
            threads=snakemake.threads,
            provenance=source,
        )
