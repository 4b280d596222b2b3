"""Save the best head of one FM and task."""

import json
from pathlib import Path

from imprint import head, store
from imprint.data.tasks import class_names, pool
from imprint.grid.tidy import rows_of
from imprint.method import k_of
from imprint.workflow.job import job

with job(snakemake) as did:
    wildcards = snakemake.wildcards
    scores = rows_of(
        store.read_parquet(snakemake.input.scores),
        snakemake.config["selections"][wildcards.experiment]["grids"][:1],  # the experiment's own
    )
    own = (
        (scores["fm"] == wildcards.fm)
        & (scores["task"] == wildcards.task)
        & (scores["shots"] == wildcards.shots)
    )
    configuration, seed, accuracy = head.best(scores[own])
    files = {
        (gen, k_of(k)): path
        for (gen, k), path in zip(snakemake.params.generations, snakemake.input.proxies, strict=True)
    }
    sets = store.read_proxies(files[configuration.gen, configuration.k])
    parts = [store.read_embeddings(path) for path in snakemake.input.train]
    fm = snakemake.config["fms"][wildcards.fm]
    ours = Path(snakemake.config["results"], "fms", f"{wildcards.fm}.safetensors")
    weights = ours if wildcards.fm in snakemake.config["weights"] else fm.get("checkpoint")
    place = {"checkpoint": str(Path(weights).resolve())} if weights else {}  # where `imprint predict` looks
    about = {
        "task": wildcards.task,
        "shots": wildcards.shots,
        "seed": seed,
        "accuracy": accuracy,
        "accuracy_is": "median over seeds, on the test split by which this head was chosen",
        "classes": class_names(parts, json.loads(snakemake.params.groups)),
        "fm": parts[0].provenance | place,
    }
    proxies = store.proxies_of(sets, configuration.norm_pre, seed, 0)
    head.save(snakemake.output.head, pool(parts), proxies, configuration, about)
    did(f"{configuration}, accuracy {accuracy:.4f}")
