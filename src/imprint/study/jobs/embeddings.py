"""The job of an embeddings file: one split of one dataset by one FM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imprint.data.sources import open_split
from imprint.fm.extract import extract
from imprint.fm.models import load


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
) -> None:
    """Embed one split.

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
    """
    loading, classes = dict(fm), dict(subset)
    precision, dtype = loading.pop("precision"), loading.pop("dtype")
    on_error = classes.pop("on_error", "fail")
    extract(
        load(**loading),
        open_split(folder, names["split"], **classes, root=root),
        output,
        precision=precision,
        dtype=dtype,
        on_error=on_error,
        device=compute["device"],
        batch_size=compute["batch_size"],
        threads=threads,
        provenance=dict(names),
    )
