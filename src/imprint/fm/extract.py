"""Embeddings of one split of a dataset by one foundation model, into one HDF5 file."""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.compute import PRECISIONS, Batched, choose_device, torch_settings
from imprint.fm.embedder import Embedder
from imprint.fm.journal import Journal
from imprint.fm.loading import batches, reads_one_by_one, unreadable
from imprint.fm.progress import Progress
from imprint.store.files import canonical, new_hdf5, provenance_json
from imprint.version import __version__

log = logging.getLogger("imprint")

_BATCH = {"cpu": 32, "mps": 64, "cuda": 256}
_BLOCK = {"cpu": 256, "mps": 512, "cuda": 1024}  # samples between two records of progress on disk,
_SECONDS = 20  # or so much time if that is sooner
_DTYPES = ("float32", "float16")
_CHUNK = 2**20  # bytes of an HDF5 chunk
_LISTED = 20  # skipped images named in the output


def extract(
    embedder: Embedder,
    images: Images,
    output: str | Path,
    *,
    precision: str = "float32",
    device: str = "auto",
    batch_size: int | None = None,
    threads: int = 1,
    on_error: str = "fail",
    dtype: str = "float32",
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the embeddings of images to an HDF5 file.

    Datasets: embeddings (N, dim), labels (N,) int64, ids (N,) str and, if the model has one, its classifier
    (C, dim) float32. The rows of a class lie together, classes ascending, inside a class in the order of the
    dataset: a class is read in one piece. Attributes: class_names and provenance (JSON), skipped (number of
    images left out).

    Rows go to `output`.partial as they are made; the next call with the same model, transform, images,
    precision, device, dtype and provenance goes on from there. Memory does not depend on N but for labels,
    ids and images in memory.

    Parameters
    ----------
    embedder : Embedder
        The model.
    images : Images
        The split.
    output : path
        The file.
    precision : {"float32", "bf16", "fp16"}
        Precision of the forward pass (autocast; the weights stay float32).
    device : str
        auto, cuda, cuda:1, mps or cpu.
    batch_size : int, optional
        Chosen by device by default; it is halved when memory runs out.
    threads : int
        Shared between loading and the model.
    on_error : {"fail", "skip"}
        Whether an image that cannot be read is an error or is left out.
    dtype : {"float32", "float16"}
        How embeddings are stored.
    provenance : mapping, optional
        Further entries of the provenance, such as fm, dataset and split.

    Raises
    ------
    UserError
        If an option is unknown, an image cannot be read, an embedding is not finite or too large for `dtype`, or
        another process writes the same file.
    """
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision '{precision}'; known: {', '.join(PRECISIONS)}")
    if on_error not in ("fail", "skip"):
        raise UserError(f"on_error '{on_error}' is neither fail nor skip")
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch_size {batch_size} is not a positive number")
    if dtype not in _DTYPES:
        raise UserError(f"embeddings cannot be stored as '{dtype}'; known: {', '.join(_DTYPES)}")
    if len(images) == 0:
        raise UserError(f"{output}: the split has no images")
    images = images.by_class()
    output = Path(output)
    torch_device = choose_device(device)
    if precision == "fp16" and torch_device.type == "cpu":
        log.warning(
            "fp16 is several times slower than float32 on most processors; bf16 may be faster"
        )
    facts = {
        **embedder.identity,
        "transform": embedder.transform.as_dict(),
        "precision": precision,
        "on_error": on_error,
        "dtype": dtype,
        "weight_decay": embedder.weight_decay,
        **(provenance or {}),
    }
    partial = output.with_name(output.name + ".partial")
    journal = Journal(partial, _fingerprint(facts, images, torch_device), embedder.dim)
    finished = False
    try:
        for temporary in output.parent.glob(f".{glob.escape(output.name)}.*.tmp*"):
            temporary.unlink()  # a kill came while the output was written
        if journal.covered:
            log.info("%s: going on after %d of %d images", output, journal.covered, len(images))
        one_by_one = reads_one_by_one(images, embedder.transform)
        with torch_settings(torch_device, threads, one_by_one) as workers:
            model = Batched(embedder, torch_device, precision)
            size = batch_size or _BATCH[torch_device.type]
            _fill(journal, model, images, size, workers, on_error, dtype)
        if journal.covered != len(images):
            raise RuntimeError(f"{journal.covered} of {len(images)} images were embedded")
        skipped: dict[int, str] = {}
        for _, unread, _ in journal.records():
            skipped |= unread
        if len(skipped) == len(images):
            finished = True
            raise UserError(
                f"{output}: no image can be read; the first: {unreadable(images, *min(skipped.items()))}"
            )
        if skipped:
            log.warning("%s: %d of %d images skipped", output, len(skipped), len(images))
        _write(output, journal, images, skipped, facts, embedder.fm_classifier, dtype)
        finished = True
    finally:
        journal.close(discard=finished)


def _fingerprint(facts: Mapping[str, Any], images: Images, device: torch.device) -> str:
    """SHA-256 of all the rows depend on: model, transform, precision, kind of device, samples, versions."""
    digest = hashlib.sha256()
    versions = {"imprint": __version__, "torch": torch.__version__, "device": device.type}
    digest.update(canonical({**facts, **versions}).encode())
    for part in images.state():
        digest.update(part)
    return digest.hexdigest()


def _fill(
    journal: Journal,
    model: Batched,
    images: Images,
    batch_size: int,
    workers: int,
    on_error: str,
    dtype: str,
) -> None:
    """Bring the journal to its end: load, embed and record, each while the others go on."""
    kind = model.device.type
    block = batch_size * max(1, _BLOCK[kind] // batch_size)
    loaded = batches(
        images,
        model.embedder.transform,
        batch_size,
        start=journal.covered,
        workers=workers,
        ahead=0 if kind == "cpu" else 2,
        pinned=kind == "cuda",
    )
    count, recorded = 0, time.monotonic()
    skipped: dict[int, str] = {}
    embeddings: list[torch.Tensor] = []
    with Progress(len(images), journal.covered) as progress, ThreadPoolExecutor(1) as writer:
        written = None
        for number, x, unread in loaded:
            if unread and on_error == "fail":
                raise unreadable(images, *min(unread.items()))
            for position, reason in unread.items():
                log.warning("skipped: %s", unreadable(images, position, reason))
            if x is not None:
                embeddings.append(model(x))
            count, skipped = count + number, skipped | unread
            progress.advance(number)
            due = count >= block or time.monotonic() - recorded > _SECONDS
            if due or progress.done == len(images):
                if written:
                    written.result()
                rows = np.empty((0, journal.dim), np.float32)
                if embeddings:
                    rows = torch.cat(embeddings).cpu().numpy()
                written = writer.submit(_record, journal, images, count, skipped, rows, dtype)
                count, skipped, embeddings, recorded = 0, {}, [], time.monotonic()
        if written:
            written.result()


def _record(
    journal: Journal,
    images: Images,
    count: int,
    skipped: Mapping[int, str],
    rows: np.ndarray,
    dtype: str,
) -> None:
    """Check rows and append them to the journal."""
    problems = (
        (
            np.isfinite(rows).all(axis=1),
            "holds NaN or infinity; with precision fp16 try bf16 or float32, else check the model's weights "
            "and that image",
        ),
        (
            (np.abs(rows) <= np.finfo(dtype).max).all(axis=1),
            f"has values beyond {np.finfo(dtype).max:.0f}, the largest of {dtype}; store it as float32",
        ),
    )
    for good, problem in problems:
        if not good.all():
            kept = [i for i in range(journal.covered, journal.covered + count) if i not in skipped]
            raise UserError(f"the embedding of '{images.ids[kept[int(good.argmin())]]}' {problem}")
    journal.append(count, skipped, rows)


def _write(
    output: Path,
    journal: Journal,
    images: Images,
    skipped: Mapping[int, str],
    facts: Mapping[str, Any],
    fm_classifier: np.ndarray | None,
    dtype: str,
) -> None:
    """Turn the finished journal into the output file, a block at a time."""
    import h5py

    mask = np.ones(len(images), bool)
    mask[list(skipped)] = False
    kept = np.flatnonzero(mask)
    if skipped:
        listed = {images.ids[position]: skipped[position] for position in sorted(skipped)[:_LISTED]}
        facts = {**facts, "skipped": len(skipped), "skipped_first": listed}
    chunk = min(len(kept), max(1, _CHUNK // (np.dtype(dtype).itemsize * journal.dim)))
    with new_hdf5(output) as file:
        shape = (len(kept), journal.dim)
        rows = file.create_dataset(
            "embeddings", shape, dtype, chunks=(chunk, journal.dim), fletcher32=True
        )
        end = 0
        for _, _, block in journal.records():
            rows[end : end + len(block)] = block
            end += len(block)
        file.create_dataset("labels", data=images.labels[kept], fletcher32=True)
        ids = [images.ids[i] for i in kept]
        file.create_dataset("ids", data=ids, dtype=h5py.string_dtype())
        if fm_classifier is not None:
            file.create_dataset("classifier", data=fm_classifier, fletcher32=True)
        file.attrs["class_names"] = json.dumps(images.class_names, ensure_ascii=False)
        file.attrs["provenance"] = provenance_json(**facts)
        file.attrs["skipped"] = len(skipped)
