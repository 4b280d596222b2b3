"""The jobs of an embeddings file: one split of one dataset by one FM, whole or in shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imprint.data.images import Images
from imprint.data.sources import open_split
from imprint.fm.embedder import Embedder
from imprint.fm.extract import extract, extract_shard
from imprint.fm.models import load
from imprint.fm.shards import join_shards


def embed(
    output: str | Path,
    fm: Mapping[str, Any],
    subset: Mapping[str, Any],
    *,
    folder: Path,
    root: str | None,
    names: Mapping[str, str],
    compute: Mapping[str, Any],
    threads: int,
    shards: Sequence[str] = (),
) -> None:
    """Embed one split, or join its shards.

    Parameters
    ----------
    output : path
        The file of embeddings.
    fm : mapping
        See `imprint.study.specs.embedding`, with the file of weights as `checkpoint`.
    subset : mapping
        See `imprint.study.specs.subset`.
    folder : Path
        The prepared dataset.
    root : str or None
        Where its images lie now, if it is read in place.
    names : mapping
        fm, dataset and split: where the embeddings come from.
    compute : mapping
        Device and batch size.
    threads : int
        Threads of the job.
    shards : sequence of paths
        The files of the shards, if the split was embedded in some.
    """
    embedder, images, options = _opened(fm, subset, folder, root, names)
    if shards:
        join_shards(embedder, images, output, shards, **options)
    else:
        extract(embedder, images, output, **options, **_running(compute), threads=threads)


def embed_shard(
    output: str | Path,
    fm: Mapping[str, Any],
    subset: Mapping[str, Any],
    *,
    shard: int,
    shards: int,
    folder: Path,
    root: str | None,
    names: Mapping[str, str],
    compute: Mapping[str, Any],
    threads: int,
) -> None:
    """Embed one shard of a split.

    Parameters
    ----------
    output : path
        The file of the shard.
    shard, shards : int
        Which shard, from 1, and how many there are.
    fm, subset, folder, root, names, compute, threads
        As in `embed`.
    """
    embedder, images, options = _opened(fm, subset, folder, root, names)
    options |= _running(compute)
    extract_shard(embedder, images, output, shard, shards, **options, threads=threads)


def _opened(
    fm: Mapping[str, Any],
    subset: Mapping[str, Any],
    folder: Path,
    root: str | None,
    names: Mapping[str, str],
) -> tuple[Embedder, Images, dict[str, Any]]:
    """The model, the images and the options of an extraction."""
    loading, classes = dict(fm), dict(subset)
    options = {
        "precision": loading.pop("precision"),
        "dtype": loading.pop("dtype"),
        "on_error": classes.pop("on_error", "fail"),
        "provenance": dict(names),
    }
    return load(**loading), open_split(folder, names["split"], **classes, root=root), options


def _running(compute: Mapping[str, Any]) -> dict[str, Any]:
    return {"device": compute["device"], "batch_size": compute["batch_size"]}
