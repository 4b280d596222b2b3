"""`imprint doctor`: check a study before hours are spent on it.

It checks everything that a run needs (data, weights, device, disk), loads every model, sends a few images through
it as a job would, and estimates time and size of the pending work. It computes no results and changes nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from imprint.data import sources
from imprint.data.images import Images
from imprint.data.pools import pool, select
from imprint.data.registry import SPLITS
from imprint.errors import BAD, GOOD, WARNING, Finding, UserError
from imprint.fm.hubs import refusal
from imprint.formatting import count, duration
from imprint.formatting import size as size_of
from imprint.method.scale import largest_of
from imprint.processor import usable_cores
from imprint.store import paths
from imprint.store.embeddings import Embeddings
from imprint.store.given_embeddings import read_given, shape_of
from imprint.store.measurements import Collector
from imprint.study import estimate, inputs, specs
from imprint.study.config.datasets import EmbeddingsDataset
from imprint.study.config.fms import EmbeddingsFM, PretrainedFM
from imprint.study.contents import have_changed
from imprint.study.grid import Study
from imprint.study.specs import EMBED_THREADS
from imprint.study.startup import why_unreadable
from imprint.study.tasks import Task

TRIED = 8  # images sent through each model
TIMED, SECONDS = 512, 5  # most images, and seconds, to time a model
CLOSE_COSINE = 0.999  # cosine that an embedding on the device must reach with the one on the CPU


@dataclass(frozen=True)
class FMState:
    """What is known of an FM.

    Attributes
    ----------
    findings : list of Finding
        What to report.
    width : int or None
        Length of its embeddings; None if it cannot be used.
    to_do : int
        Number of images that it has still to embed.
    seconds : float
        Seconds on one core to embed them; 0 if not measured.
    """

    findings: list[Finding]
    width: int | None = None
    to_do: int = 0
    seconds: float = 0.0


Splits = dict[str, Images]
Counts = dict[str, dict[str, int]]  # samples of each dataset and split
IsDone = Callable[[Path], bool]


def examine(study: Study, is_done: IsDone = Path.exists) -> Iterator[Finding]:
    """Yield all findings on a study. is_done: whether an output exists and is up to date."""
    yield Finding(
        GOOD,
        "study",
        f"{study.runs():,} runs in {len(study.groups)} (FM, task, shots); no problem in the configuration",
    )
    if reason := why_unreadable(study.root):
        yield Finding(BAD, "results", reason)
        return
    yield from _devices(study)
    with tempfile.TemporaryDirectory() as scratch:
        yield from _examine(study, Path(scratch), is_done)


def _devices(study: Study) -> Iterator[Finding]:
    """Findings on the devices of generation and scoring; that of embedding is tried with each model."""
    for key in ("generation_device", "scoring_device"):
        if (name := getattr(study.config.compute, key)) == "cpu":
            continue
        from imprint.devices import choose_device

        try:
            yield Finding(GOOD, f"compute.{key}", str(choose_device(name)))
        except UserError as error:
            yield Finding(BAD, f"compute.{key}", str(error))


def _examine(study: Study, scratch: Path, is_done: IsDone) -> Iterator[Finding]:
    images: dict[str, Splits] = {}
    used = {dataset for _, task, _ in study.groups for dataset in study.tasks[task].datasets}
    for name in sorted(used):
        finding, images[name] = _dataset(study, name, scratch)
        yield finding
    counts = {name: {key: len(split) for key, split in images[name].items()} for name in images}
    size, seconds, cores = 0, 0.0, usable_cores()
    widths: dict[str, int | None] = {}
    used = {fm for fm, _, _ in study.groups}
    for name in study.config.fms:
        if name not in used:
            yield Finding(WARNING, f"fm {name}", "no experiment uses it, so it is not checked")
            continue
        state = _fm(study, name, images, counts, scratch, is_done)
        yield from state.findings
        widths[name] = state.width
        size += state.to_do * (state.width or 0) * 4
        seconds += state.seconds
    known = [
        group
        for group in study.groups
        if widths[group[0]] and all(counts[d] for d in study.tasks[group[1]].datasets)
    ]
    if known:
        for rule, cost in estimate.costs(study, known, counts, widths, is_done).items():
            yield Finding(GOOD, f"rule {rule}", _cost_in_words(cost))
            size, seconds = size + cost.size, seconds + cost.seconds
    if len(known) < len(study.groups):
        text = f"no estimate for {len(study.groups) - len(known)} of {len(study.groups)} (FM, task, shots): see above"
        yield Finding(WARNING, "study", text)
    elif seconds:
        text = f"pending embeddings, proxies, scores and collapse take about {duration(seconds / cores)} on {count(cores, 'core')}"
        yield Finding(GOOD, "time", text)
    all_done = len(known) == len(study.groups) and not seconds
    yield _disk(study.root, size, all_done)


def _cost_in_words(cost: estimate.Cost) -> str:
    if not cost.jobs:
        return f"{cost.done:,} done, none to do"
    done = f" to do, {cost.done:,} done" if cost.done else ""
    return f"{count(cost.jobs, 'job')}{done}, about {duration(cost.seconds)} on one core, {size_of(cost.size)}"


def _dataset(study: Study, name: str, scratch: Path) -> tuple[Finding, Splits]:
    """A finding on a dataset, and the images of its splits that are embedded, as far as known."""
    config, subject = study.config.datasets[name], f"dataset {name}"
    if isinstance(config, EmbeddingsDataset):
        return Finding(GOOD, subject, "no images; embeddings are given"), {}
    folder, root = study.root / "data" / name, inputs.roots(study.config)[name]
    if config.is_downloaded and not (root and Path(root).exists()):
        address = sources.make(config.source, config.options).address()
        if not (words := refusal(address)):
            return Finding(WARNING, subject, "not on disk; the workflow will download it"), {}
        text = f"not on disk, and {urlsplit(address).hostname} {words}; give its folder as `root` of the dataset"
        return Finding(BAD, subject, text), {}
    try:
        manifest = folder / sources.MANIFEST
        is_prepared = manifest.exists() and not have_changed(manifest, root)
        level, text = GOOD, "prepared"
        if not is_prepared:
            text = "complete on disk, or generated by the workflow"
            if manifest.exists():
                level, text = WARNING, "changed since it was prepared; it will be prepared again"
            folder = scratch / name
            folder.mkdir()
            options = config.options | ({"root": root} if root else {})
            sources.prepare(config.source, options, folder)
        if copies := sources.read_manifest(folder).get(sources.COPIES):
            level, text = WARNING, f"{text}; {copies}"
        subset = {k: v for k, v in specs.subset(study, name).items() if k != "on_error"}
        splits = {key: sources.open_split(folder, key, **subset, root=root) for key in SPLITS}
        return Finding(level, subject, text), splits
    except UserError as error:
        return Finding(BAD, subject, str(error)), {}


def _fm(
    study: Study,
    name: str,
    images: dict[str, Splits],
    counts: Counts,
    scratch: Path,
    is_done: IsDone,
) -> FMState:
    """Load an FM, send images through it, and time it if images are to be embedded. Given embeddings add to the counts."""
    config, subject = study.config.fms[name], f"fm {name}"
    if isinstance(config, EmbeddingsFM):
        return _given(study, name, counts, is_done)
    weights = paths.weights_file(study.root, name)  # made by the workflow
    if isinstance(config, PretrainedFM) and not weights.exists():
        text = f"{config.model} is not pre-trained yet; the workflow will do it, in a minute or two on one core"
        return FMState([Finding(WARNING, subject, text)])
    from imprint.fm import models

    of_workflow = config.makes_weights and weights.exists()
    checkpoint = weights if of_workflow else config.users_weights
    description = {
        k: v for k, v in specs.embedding(study, name).items() if k not in ("precision", "dtype")
    }
    try:
        embedder = models.load(**description, checkpoint=checkpoint)
    except UserError as error:
        return FMState([Finding(BAD, subject, str(error))])
    except Exception as error:  # of hubs and their clients, which fail in many ways
        reason, *_ = f"{type(error).__name__}: {error}".splitlines()
        text = f"its weights cannot be loaded: {reason}"
        return FMState([Finding(BAD, subject, f"{text}; without a network give a checkpoint")])
    sha = embedder.identity["weights_sha256"]
    text = f"{config.model} loads, weights sha256 {sha[:16]}, embeddings of {embedder.dim}"
    if isinstance(config, PretrainedFM):
        from imprint.fm.checkpoints import read_facts

        accuracy = read_facts(weights)["accuracy"]["held_out"]
        text += f"; {accuracy:.1%} on held-out images of its own classes"
    findings = [Finding(GOOD, subject, text)]
    splits = {
        (dataset, split): entry
        for fm, task in study.fm_tasks()
        for dataset in (study.tasks[task].datasets if fm == name else ())
        for split, entry in images[dataset].items()
    }
    left = {
        key: entry
        for key, entry in splits.items()
        if not is_done(paths.embeddings_file(study.root, name, *key))
    }
    samples, to_do = (sum(map(len, each.values())) for each in (splits, left))
    seconds, threads = 0.0, min(EMBED_THREADS, usable_cores())
    try:
        findings.append(_forward(embedder, study.config.compute.device, subject))
        if samples and not to_do:
            findings.append(Finding(GOOD, subject, f"all {samples:,} images are embedded"))
        elif to_do and findings[-1].level == GOOD:
            rate = _rate(study, name, embedder, max(left.values(), key=len), scratch, threads)
            seconds = to_do / rate * threads + len(left) * estimate.START_EMBEDDING
            of = f" of {samples:,}" if to_do < samples else ""
            text = f"{to_do:,}{of} images in about {duration(to_do / rate)} on {count(threads, 'thread')}, {rate:.1f} images/s"
            findings.append(Finding(GOOD, subject, text))
    except UserError as error:
        findings.append(Finding(BAD, subject, str(error)))
    return FMState(findings, embedder.dim, to_do, seconds)


def _given(study: Study, name: str, counts: Counts, is_done: IsDone) -> FMState:
    """Findings on embeddings that the user computed; adds their numbers of samples to the counts."""
    config = study.config.fms[name]
    assert isinstance(config, EmbeddingsFM)
    findings: list[Finding] = []
    width = None
    tasks = [study.tasks[task] for fm, task in study.fm_tasks() if fm == name]
    first_rows: dict[str, dict[str, Embeddings]] = {}
    for dataset in sorted({dataset for task in tasks for dataset in task.datasets}):
        several = not config.has_file_per_split(dataset)
        class_count = study.config.datasets[dataset].class_count
        splits: dict[str, Embeddings] = {}
        for split in SPLITS:
            file = config.file(dataset, split)
            try:
                count, width = shape_of(file, split, required=several)
                if not is_done(paths.embeddings_file(study.root, name, dataset, split)):
                    splits[split] = read_given(
                        file, split=split, required=several, class_count=class_count
                    )
            except UserError as error:
                findings.append(Finding(BAD, f"fm {name}", str(error)))
                continue
            counts[dataset].setdefault(split, count)
            text = f"{dataset}, {split}: {count:,} embeddings of {width} in {file}"
            findings.append(Finding(GOOD, f"fm {name}", text))
        if len(splits) == len(SPLITS):
            try:
                pool([splits["test"]], training=pool([splits["train"]]))
            except UserError as error:
                findings.append(Finding(BAD, f"fm {name}", str(error)))
            else:
                first_rows[dataset] = {split: _first_row(splits[split]) for split in SPLITS}
    problems = {
        problem
        for task in tasks
        if first_rows.keys() >= set(task.datasets)
        for problem in _task_problems(task, [first_rows[dataset] for dataset in task.datasets])
    }
    findings += [Finding(BAD, f"fm {name}", problem) for problem in sorted(problems)]
    if any(finding.level == BAD for finding in findings):
        width = None
    return FMState(findings, width)


def _first_row(embeddings: Embeddings) -> Embeddings:
    """The first of some embeddings, with what is known of all: their size, largest value and classes."""
    x, largest = embeddings.x[:1].copy(), largest_of(embeddings.x)
    return replace(embeddings, x=x, y=embeddings.y[:1], ids=embeddings.ids[:1], largest=largest)


def _task_problems(task: Task, datasets: Sequence[Mapping[str, Embeddings]]) -> Iterator[str]:
    """Why the splits of its datasets, of which a row is enough, do not make a task, if they do not."""
    try:
        train = pool([splits["train"] for splits in datasets])
        pool([splits["test"] for splits in datasets], training=train)
        for merged in task.draws:
            select(train, merged)
    except UserError as error:
        yield str(error)


def _forward(embedder: Any, device_name: str, subject: str) -> Finding:
    """A finding on embeddings of noise: finite, not zero, the same on device and CPU."""
    import torch
    from PIL import Image

    from imprint.devices import choose_device

    device = choose_device(device_name)
    rng = np.random.default_rng(0)
    images = [
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(TRIED)
    ]
    batch = torch.stack([embedder.transform(image) for image in images])
    with torch.inference_mode():
        x = embedder(batch)
        there = embedder.to(device)(batch.to(device)).cpu()
    lengths = x.norm(dim=1)
    cosine = torch.nn.functional.cosine_similarity(x, there).min().item()
    if not torch.isfinite(x).all():
        text = "embeddings hold NaN or infinity; try precision float32, or check the weights"
    elif lengths.min() < 1e-6:
        text = "embeddings are zero; check the weights"
    elif cosine < CLOSE_COSINE:
        text = f"embeddings on {device} differ from those on the CPU: cosine {cosine:.4f}"
    else:
        same = "" if device.type == "cpu" else f", as on the CPU (cosine {cosine:.5f})"
        text = f"forward pass on {device} is sound, length {lengths.mean():.2f}{same}"
        return Finding(GOOD, subject, text)
    return Finding(BAD, subject, text)


def _rate(
    study: Study, name: str, embedder: Any, images: Any, scratch: Path, threads: int
) -> float:
    """Images per second of a job that embeds, with its batch size and these threads."""
    from imprint.fm.extract import extract
    from imprint.fm.extraction import Extraction

    log, measured = logging.getLogger("imprint"), Collector()
    level = log.level
    log.addHandler(measured)
    log.setLevel(logging.INFO)
    log.propagate = False
    compute = study.config.compute
    precision = specs.embedding(study, name)["precision"]
    rate, count = 0.0, 2 * TRIED  # a first small pass includes what a job loads once
    try:
        for _ in range(2):
            rows = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
            extract(
                Extraction(embedder, images.take(rows), scratch / f"{name}.h5", precision, "skip"),
                device=compute.device,
                batch_size=compute.batch_size,
                threads=threads,
            )
            rate = measured.values["images"] / measured.values["seconds"]
            count = int(min(TIMED, max(count, rate * SECONDS)))
        return rate
    finally:
        log.removeHandler(measured)
        log.setLevel(level)
        log.propagate = True


def _disk(root: Path, size: int, all_done: bool) -> Finding:
    folder = next(p for p in (root, *root.absolute().parents) if p.exists())
    if not os.access(folder, os.W_OK):
        text = f"{folder} cannot be written to; give this user permission"
        return Finding(WARNING if all_done else BAD, "disk", text)
    free = shutil.disk_usage(folder).free
    text = f"{size_of(size)} of embeddings and proxies, {size_of(free)} free in {root}"
    # scores, figures and logs are small beside them
    return Finding(GOOD if free > 1.5 * size + 2**28 else BAD, "disk", text)
