"""Extract the embeddings of one split of a dataset by one foundation model, or of a shard of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from imprint.data.images import Images
from imprint.devices import choose_device
from imprint.errors import UserError
from imprint.fm.compute import Batched, torch_settings
from imprint.fm.extraction import Extraction, NoImages, digest
from imprint.fm.journal import Journal
from imprint.fm.loading import batches, require_readable, unreadable
from imprint.fm.progress import Progress
from imprint.fm.readers import ReaderImages, Readers
from imprint.store.files import remove_unfinished

log = logging.getLogger("imprint")

BATCH = {"cpu": 32, "mps": 64, "cuda": 256}
# progress is written to disk after this many samples or seconds, whichever comes first
_BLOCK_SAMPLES = {"cpu": 256, "mps": 512, "cuda": 1024}
_BLOCK_SECONDS = 20


def extract(
    extraction: Extraction,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    threads: int = 1,
) -> None:
    """Write the embeddings of images to an HDF5 file.

    Datasets: embeddings (N, dim), labels (N,) int64, ids (N,) str and, if the model has one, its classifier
    (C, dim) float32. Rows are sorted by class, in the order of the dataset within each class, so that a class can
    be read in one piece. Attributes: class_names and provenance (JSON), skipped (number of images left out).

    Rows are written to `output`.partial as they are computed; the next call with an equal extraction on the same kind of
    device continues from there. Memory does not depend on N, apart from labels, ids and images in memory.

    Parameters
    ----------
    extraction : Extraction
        What to embed, how and where to.
    device : str
        auto, cuda, cuda:1, mps or cpu.
    batch_size : int, optional
        By default it depends on the device; it is halved when memory runs out.
    threads : int
        Number of threads, shared by loading and the model.

    Raises
    ------
    UserError
        If an option is unknown, an image cannot be read, an embedding is not finite or too large for its type, or
        another process writes the same file.
    """
    torch_device, size = _running(device, extraction.precision, batch_size)
    images = extraction.images
    journal = _journal(extraction, images, torch_device)
    is_finished = False
    try:
        remove_unfinished(extraction.output)
        _complete(journal, extraction, images, torch_device, size, threads)
        extraction.write(journal.records)
        is_finished = True
    except NoImages:
        is_finished = True
        raise
    finally:
        journal.close(discard=is_finished)


def extract_shard(
    extraction: Extraction,
    shard: int,
    shards: int,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    threads: int = 1,
) -> None:
    """Write the rows of one shard of a split, for `imprint.fm.shards.join_shards`.

    A shard is a contiguous part of the samples in the order of `extract`. It consists of whole batches: the last bits of an
    embedding may depend on the number of images in the forward pass, so every pass holds the same images as
    without shards. If there are fewer batches than shards, some shards have no samples.

    Parameters
    ----------
    extraction : Extraction
        The extraction of the whole split, with the file of the shard as output, in the format of `imprint.fm.journal`. Rows
        are written to `output`.partial until the shard is complete; the next call continues from there.
    shard, shards : int
        Number of the shard, from 1, and number of shards.
    device, batch_size, threads
        As in `extract`; the same for all shards of a split.

    Raises
    ------
    UserError
        As `extract`.
    """
    if not 1 <= shard <= shards:
        raise UserError(f"shard {shard} of {shards} does not exist; shards count from 1")
    torch_device, size = _running(device, extraction.precision, batch_size)
    images, count = extraction.images, len(extraction.images)
    batch_count = -(-count // size)
    first, stop = (min(i * batch_count // shards * size, count) for i in (shard - 1, shard))
    images = images.take(np.arange(first, stop))
    journal = _journal(extraction, images, torch_device)
    try:
        if len(images):
            _complete(journal, extraction, images, torch_device, size, threads)
    except BaseException:
        journal.close()
        raise
    journal.finish(extraction.output)


def _running(device: str, precision: str, batch_size: int | None) -> tuple[torch.device, int]:
    """The device of this name, and the batch size, by default that of the device."""
    if batch_size is not None and batch_size < 1:
        raise UserError(f"batch_size {batch_size} is not a positive number")
    torch_device = choose_device(device)
    if precision == "fp16" and torch_device.type == "cpu":
        log.warning(
            "fp16 is several times slower than float32 on most processors; bf16 may be faster"
        )
    return torch_device, batch_size or BATCH[torch_device.type]


def _journal(extraction: Extraction, images: Images, device: torch.device) -> Journal:
    """The journal beside the output, with the rows of an earlier call."""
    partial = extraction.output.with_name(extraction.output.name + ".partial")
    fingerprint = extraction.fingerprint(digest(images), device.type)
    return Journal(partial, fingerprint, extraction.embedder.dim)


def _complete(
    journal: Journal,
    extraction: Extraction,
    images: Images,
    device: torch.device,
    batch_size: int,
    threads: int,
) -> None:
    """Embed the images that the journal lacks."""
    if journal.covered:
        log.info("%s: continuing after %d of %d images", journal.path, journal.covered, len(images))
    embedder = extraction.embedder
    parameters = sum(p.numel() for p in embedder.body.parameters())
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    measured = {"parameters": parameters, "device": name, "threads": threads}
    log.info("on %s with %d threads", device, threads, extra={"measured": measured})
    source = ReaderImages(images, embedder.transform)
    with (
        torch_settings(device, threads, source.one_by_one) as workers,
        Readers(source, workers, processes=device.type == "cuda") as readers,
    ):
        if extraction.on_error == "fail" and not journal.covered:
            require_readable(readers)
        model = Batched(embedder, device, extraction.precision)
        _fill(journal, model, readers, batch_size, extraction)
    if journal.covered != len(images):
        raise RuntimeError(f"{journal.covered} of {len(images)} images were embedded")


def _fill(
    journal: Journal, model: Batched, readers: Readers, batch_size: int, extraction: Extraction
) -> None:
    """Load, embed and record the images that the journal lacks, all three at the same time."""
    images, kind, dtype = readers.images, model.device.type, extraction.dtype
    block = batch_size * max(1, _BLOCK_SAMPLES[kind] // batch_size)
    loaded = batches(
        readers,
        batch_size,
        start=journal.covered,
        ahead=0 if kind == "cpu" else 2,
        pinned=kind == "cuda",
    )
    count, recorded = 0, time.monotonic()
    skipped: dict[int, str] = {}
    embeddings: list[torch.Tensor] = []
    with Progress(len(images), journal.covered) as progress, ThreadPoolExecutor(1) as writer:
        written = None
        for number, x, unread in loaded:
            if unread and extraction.on_error == "fail":
                for _, _, more in loaded:  # to list all unreadable images in one error
                    unread |= more
                raise unreadable(images, unread)
            for position, reason in unread.items():
                log.warning("skipped: %s: %s", images.path(position), reason)
            if x is not None:
                embeddings.append(model(x))
            count, skipped = count + number, skipped | unread
            progress.advance(number)
            due = count >= block or time.monotonic() - recorded > _BLOCK_SECONDS
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
