"""The jobs that write embeddings: one split of one dataset by one FM, as a whole or in shards.

They take the `snakemake` object of the script of the rules `embed` and `embed_shard`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

from imprint.data.sources import open_split
from imprint.fm.extract import extract, extract_shard
from imprint.fm.extraction import Extraction
from imprint.fm.models import load
from imprint.fm.shards import join_shards


def embed(snakemake: Any) -> str:
    """Embed one split or one shard of it, or join the shards of a split.

    The params `fm` and `dataset` are the JSON of `embedding` and `subset` in `imprint.study.specs`. Returns a note on images that
    could not be read, empty if there are none or a shard is embedded.
    """
    wildcards = snakemake.wildcards
    fm, subset = json.loads(snakemake.params.fm), json.loads(snakemake.params.dataset)
    compute = json.loads(snakemake.resources.compute)
    names = {name: wildcards[name] for name in ("fm", "dataset", "split")}
    options = {name: fm.pop(name) for name in ("precision", "dtype")}
    options |= {"on_error": subset.pop("on_error", "fail"), "provenance": names}
    computing = {
        "device": compute["device"],
        "batch_size": compute["batch_size"],
        "threads": snakemake.threads,
    }
    embedder = load(**fm, checkpoint=snakemake.input.get("weights"))
    root = json.loads(snakemake.resources.roots)[names["dataset"]]
    images = open_split(Path(snakemake.input.manifest).parent, names["split"], **subset, root=root)
    output = Path(snakemake.output[0])
    extraction = Extraction(embedder, images, output, **options)
    if wildcards.get("shard"):
        extract_shard(extraction, int(wildcards.shard), int(wildcards.shards), **computing)
        return ""
    if snakemake.input.shards:
        join_shards(extraction, snakemake.input.shards)
    else:
        extract(extraction, **computing)
    with h5py.File(output) as file:
        skipped = int(file.attrs["skipped"])
    return f"{skipped} of {len(images)} images could not be read and are skipped" if skipped else ""
