"""Score the proxies of one task under one AGG."""

import json

from imprint import store
from imprint.data.tasks import pool
from imprint.grid.scores import score
from imprint.kept import keeping, place
from imprint.method import k_of
from imprint.normalize import QUANTILE_REFERENCES
from imprint.workflow.job import job, log

with (
    job(snakemake) as did,
    keeping(place(snakemake.config["results"], snakemake.output.scores)) as kept,
):
    spec = json.loads(snakemake.params.spec)
    train, test = (
        pool([store.read_embeddings(path) for path in paths])
        for paths in (snakemake.input.train, snakemake.input.test)
    )
    proxies = {
        (gen, k_of(k)): store.read_proxies(path)
        for (gen, k), path in zip(snakemake.params.generations, snakemake.input.proxies, strict=True)
    }
    device = snakemake.config["compute"]["scoring_device"]
    table, effort, work = score(train, test, proxies, spec, device, kept, snakemake.params.code)
    references = {
        norm: QUANTILE_REFERENCES[norm] for norm in table["norm_post"].unique() if norm in QUANTILE_REFERENCES
    }
    store.write_parquet(
        snakemake.output.scores, table, store.provenance(spec=spec, quantile_references=references)
    )
    did(f"cells: {work}")
    log.info(
        "%d rankings, %d different predictions, %.1f s in the engine",
        effort.rankings, effort.predictions, effort.seconds,
    )  # fmt: skip
