"""The jobs of an embeddings file: one split of one dataset by one FM, whole or in shards.

They take what Snakemake gives to the scripts of the rules `embed` and `embed_shard`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imprint.data.images import Images
from imprint.data.sources import open_split
from imprint.fm.embedder import Embedder
from imprint.fm.extract import extract, extract_shard
from imprint.fm.extraction import Extraction
from imprint.fm.models import load
from imprint.fm.shards import join_shards
from imprint.store.shards import write_shards


def embed(snakemake: Any) -> None:
    """Embed one split, or join its shards if it was embedded in some."""
    embedder, images, options = _opened(snakemake)
    output, shards = Path(snakemake.output.embeddings), snakemake.input.shards
    if shards:
        join_shards(Extraction(embedder, images, output, **options), shards)
    else:
        extract(embedder, images, output, **options, **_computing(snakemake))
    params = snakemake.params
    write_shards(output, len(shards) or 1, [params.fm, params.dataset, params.code])


def embed_shard(snakemake: Any) -> None:
    """Embed one shard of a split."""
    embedder, images, options = _opened(snakemake)
    extraction = Extraction(embedder, images, Path(snakemake.output.rows), **options)
    shard, shards = int(snakemake.wildcards.shard), int(snakemake.wildcards.shards)
    extract_shard(extraction, shard, shards, **_computing(snakemake))


def _opened(snakemake: Any) -> tuple[Embedder, Images, dict[str, Any]]:
    """The model, the images and the options of an extraction.

    Params `fm` and `dataset` are JSON of `imprint.study.specs`: `embedding` and `subset`.
    """
    fm, subset = json.loads(snakemake.params.fm), json.loads(snakemake.params.dataset)
    names = {name: snakemake.wildcards[name] for name in ("fm", "dataset", "split")}
    options = {
        "precision": fm.pop("precision"),
        "dtype": fm.pop("dtype"),
        "on_error": subset.pop("on_error", "fail"),
        "provenance": names,
    }
    embedder = load(**fm, checkpoint=snakemake.input.get("weights"))
    folder = Path(snakemake.input.manifest).parent
    root = json.loads(snakemake.resources.roots)[names["dataset"]]
    return embedder, open_split(folder, names["split"], **subset, root=root), options


def _computing(snakemake: Any) -> dict[str, Any]:
    """Device, batch size and threads."""
    compute = json.loads(snakemake.resources.compute)
    return {
        "device": compute["device"],
        "batch_size": compute["batch_size"],
        "threads": snakemake.threads,
    }
