"""`imprint doctor`: check a study before hours are spent on it.

Looks at everything a run would need: data, weights, device, disk; loads every model and sends a few images through
it; and says how long the embeddings should take and how large they will be. Computes and changes nothing.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np

from imprint.errors import UserError
from imprint.formatting import duration
from imprint.formatting import size as size_of
from imprint.study import estimate, inputs, specs
from imprint.study.config import EmbeddingsDataset, EmbeddingsFM, PretrainedFM
from imprint.study.grid import Study

GOOD, WARNING, BAD = "ok", "note", "PROBLEM"
TRIED = 8  # images sent through each model
CLOSE = 0.999  # cosine that an embedding on the device must reach with the one on the CPU


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report: `level` is GOOD, WARNING or BAD."""

    level: str
    subject: str
    text: str


def examine(study: Study) -> Iterator[Finding]:
    """All findings on a study, as they are made."""
    yield Finding(
        GOOD,
        "study",
        f"{study.runs():,} runs in {len(study.groups)} (FM, task, shots); no problem in the configuration",
    )
    counts: dict[str, dict[str, int]] = {}
    used = {dataset for _, task, _ in study.groups for dataset in study.datasets_of(task)}
    for name in sorted(used):
        finding, counts[name] = _dataset(study, name)
        yield finding
    size = 0
    widths: dict[str, int | None] = {}
    for name in study.config.fms:
        datasets = {
            d for fm, task, _ in study.groups if fm == name for d in study.datasets_of(task)
        }
        samples = sum(sum(counts[d].values()) for d in datasets)
        findings, widths[name] = _fm(study, name, samples)
        yield from findings
        size += samples * (widths[name] or 0) * 4
    known = [
        group
        for group in study.groups
        if widths[group[0]] and all(counts[d] for d in study.datasets_of(group[1]))
    ]
    if known:
        costs = estimate.costs(study, known, counts, widths)
        size += sum(cost.size for cost in costs.values())
        for rule, cost in costs.items():
            text = f"{cost.jobs:,} jobs, about {duration(cost.seconds)} on one core, {size_of(cost.size)}"
            yield Finding(GOOD, f"rule {rule}", text)
    if len(known) < len(study.groups):
        text = f"no estimate for {len(study.groups) - len(known)} of {len(study.groups)} (FM, task, shots): see above"
        yield Finding(WARNING, "study", text)
    yield _disk(study.root, size)


def _dataset(study: Study, name: str) -> tuple[Finding, dict[str, int]]:
    """What is there of a dataset, and how many samples each split that is embedded will have, as far as known."""
    from imprint.data import sources

    config, subject = study.config.datasets[name], f"dataset {name}"
    if isinstance(config, EmbeddingsDataset):
        return Finding(GOOD, subject, "no images; embeddings are given"), {}
    folder, root = study.root / "data" / name, inputs.roots(study.config)[name]
    if name in inputs.downloaded(study.config) and not (root and Path(root).exists()):
        if _network(config):
            return Finding(WARNING, subject, "not on disk; the workflow will download it"), {}
        text = "not on disk, and there is no network to download it; give its folder as `root` of the dataset"
        return Finding(BAD, subject, text), {}
    try:
        if (folder / sources.MANIFEST).exists():
            return Finding(GOOD, subject, "prepared"), _counts(folder, study, name)
        with tempfile.TemporaryDirectory() as scratch:
            options = config.options | ({"root": root} if root else {})
            sources.prepare(config.source, options, scratch)
            return Finding(GOOD, subject, "complete on disk, or made here"), _counts(
                Path(scratch), study, name
            )
    except UserError as error:
        return Finding(BAD, subject, str(error)), {}


def _counts(folder: Path, study: Study, name: str) -> dict[str, int]:
    from imprint.data import sources

    chosen = {key: value for key, value in specs.subset(study, name).items() if key != "on_error"}
    root = inputs.roots(study.config)[name]
    return {
        split: len(sources.open_split(folder, split, **chosen, root=root))
        for split in ("train", "test")
    }


def _network(config: Any) -> bool:
    """Whether the host that a dataset comes from answers."""
    from imprint.data import sources

    address = sources.make(config.source, config.options).address()
    try:
        with socket.create_connection((urlparse(address).hostname, 443), timeout=5):
            return True
    except OSError:
        return False


def _fm(study: Study, name: str, samples: int) -> tuple[list[Finding], int | None]:
    """What a few images say of an FM, and the size of its embeddings."""
    config, subject = study.config.fms[name], f"fm {name}"
    if isinstance(config, EmbeddingsFM):
        return [Finding(GOOD, subject, f"embeddings given for {', '.join(config.files)}")], None
    weights = study.root / "fms" / f"{name}.safetensors"  # of the workflow
    if isinstance(config, PretrainedFM) and not weights.exists():
        text = f"{config.model} is not pre-trained yet; the workflow will do it, in a minute or two on one core"
        return [Finding(WARNING, subject, text)], None
    from imprint.fm import models

    workflow_has_it = name in inputs.fetched(study.config) and weights.exists()
    if isinstance(config, PretrainedFM) or workflow_has_it:
        checkpoint: str | Path | None = weights
    else:
        checkpoint = getattr(config, "checkpoint", None)
    description = {
        k: v for k, v in specs.embedding(study, name).items() if k not in ("precision", "dtype")
    }
    try:
        embedder = models.load(**description, checkpoint=checkpoint)
    except UserError as error:
        return [Finding(BAD, subject, str(error))], None
    except Exception as error:  # of hubs and their clients, which fail in many ways
        text = f"its weights cannot be loaded: {type(error).__name__}: {str(error).splitlines()[0]}"
        return [Finding(BAD, subject, f"{text}; without a network give a checkpoint")], None
    sha = embedder.identity["weights_sha256"]
    text = f"{config.model} loads, weights sha256 {sha[:16]}, embeddings of {embedder.dim}"
    if isinstance(config, PretrainedFM):
        from imprint.fm.checkpoints import read_facts

        accuracy = read_facts(weights)["accuracy"]["held_out"]
        text += f"; {accuracy:.1%} on held-out images of its own classes"
    findings = [Finding(GOOD, subject, text)]
    try:
        findings += _forward(embedder, study.config.compute.device, subject, samples)
    except UserError as error:
        findings.append(Finding(BAD, subject, str(error)))
    return findings, embedder.dim


def _forward(embedder: Any, device_name: str, subject: str, samples: int) -> Iterator[Finding]:
    """Embeddings of noise: finite, of a sensible length, the same on device and CPU; and the rate."""
    import torch
    from PIL import Image

    from imprint.fm.compute import choose_device

    device = choose_device(device_name)
    rng = np.random.default_rng(0)
    images = [
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(TRIED)
    ]
    batch = torch.stack([embedder.transform(image) for image in images])
    with torch.inference_mode():
        x = embedder(batch)
        embedder.to(device)
        moved = batch.to(device)
        embedder(moved)  # the first pass sets things up
        start = time.perf_counter()
        there = embedder(moved).cpu()
        seconds = (time.perf_counter() - start) / TRIED
    if not torch.isfinite(x).all():
        yield Finding(
            BAD,
            subject,
            "embeddings hold NaN or infinity; try precision float32, or check the weights",
        )
        return
    lengths = x.norm(dim=1)
    if lengths.min() < 1e-6:
        yield Finding(BAD, subject, "embeddings are zero; check the weights")
        return
    cosine = torch.nn.functional.cosine_similarity(x, there).min().item()
    if cosine < CLOSE:
        yield Finding(
            BAD,
            subject,
            f"embeddings on {device} differ from those on the CPU: cosine {cosine:.4f}",
        )
        return
    whole = f"; {samples:,} images in about {duration(samples * seconds)}" if samples else ""
    same = "" if device.type == "cpu" else f", as on the CPU (cosine {cosine:.5f})"
    text = f"forward pass on {device} is sound, length {lengths.mean():.2f}{same}; {1 / seconds:.0f} images/s{whole}"
    yield Finding(GOOD, subject, text)


def _disk(root: Path, size: int) -> Finding:
    place = next(p for p in (root, *root.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    text = f"{size_of(size)} of embeddings and proxies, {size_of(free)} free in {root}"
    # scores, figures and logs are small beside them
    return Finding(GOOD if free > 1.5 * size + 2**28 else BAD, "disk", text)
