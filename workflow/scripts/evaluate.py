"""Score the proxies of one task under one AGG."""

import json

from imprint.data.pools import pool
from imprint.method.normalize import chain
from imprint.method.user_files import load_file
from imprint.store.block_cache import open_blocks
from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.store.proxies import read_proxies
from imprint.study.jobs.job import job, log
from imprint.study.jobs.scores import score

with (
    job(snakemake) as report,
    open_blocks(snakemake.params.blocks) as blocks,
):
    spec = {**json.loads(snakemake.params.spec), "cells": json.loads(snakemake.params.cells)}
    for file in snakemake.params.components:
        load_file(file)
    train = pool([read_embeddings(path) for path in snakemake.input.train])
    test = pool([read_embeddings(path) for path in snakemake.input.test], train)
    proxies = {
        gen: read_proxies(path, {cell["k"] for cell in spec["cells"] if cell["gen"] == gen})
        for gen, path in zip(snakemake.params.gens, snakemake.input.proxies, strict=True)
    }
    frame, effort, work = score(
        train,
        test,
        proxies,
        spec,
        snakemake.resources.device,
        blocks,
        snakemake.params.code,
        json.loads(snakemake.params.component_codes),
    )
    references = {
        norm: chain(norm).reference for norm in frame["norm_post"].unique() if chain(norm).reference
    }
    provenance = provenance_json(spec=spec, quantile_references=references)
    write_parquet(snakemake.output.scores, frame, provenance)
    report(f"cells: {work}")
    log.info(
        "%d rankings, %d different predictions, %.1f s in the engine",
        effort.rankings,
        effort.predictions,
        effort.seconds,
    )
