"""Pre-training of a small foundation model, in a minute or two on one core."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from imprint.data.images import share_of_each_class
from imprint.devices import torch_threads
from imprint.errors import UserError
from imprint.fm.transforms import Transform

log = logging.getLogger("imprint")

HELD_OUT = 0.1  # share of every class that is held out to measure accuracy
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_SHIFT = 2  # largest shift of a training image, in pixels
_BATCH = 128
_RATE = 3e-3  # peak of the learning rate


@torch_threads(1)
@torch.random.fork_rng(devices=[])
def pretrain(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    model: str,
    epochs: int = 8,
    seed: int = 0,
    weight_decay: float = 0.05,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Train a timm architecture from scratch.

    AdamW with a one-cycle learning rate; label smoothing 0.1; random shifts. A tenth of every class is held out, at least one
    image, but not the only image of a class.
    It runs on one thread, so that equal arguments give bit-identical results on the same machine.

    Parameters
    ----------
    images : ndarray of shape (N, H, W) or (N, H, W, 3)
        Training images, uint8.
    labels : ndarray of shape (N,)
        Their classes, from 0.
    classes : sequence of str
        Names of the classes.
    model : str
        An untagged timm name, such as test_resnet.
    epochs : int
        Passes over the images.
    seed : int
        Seed of initialisation, order and shifts.
    weight_decay : float
        Weight decay of matrices and kernels.

    Returns
    -------
    state : dict
        The state dict.
    facts : dict
        model, classes, seed, epochs, accuracy {train, held_out} (None if no image is held out), number of images,
        weight_decay, and the preprocessing of images (input_size, mean, std, ...).

    Raises
    ------
    UserError
        If timm has no such architecture.
    """
    import timm

    if not timm.is_model(model):
        raise UserError(
            f"timm has no model '{model}' to pre-train; small ones are test_resnet, test_convnext"
        )
    rng = np.random.default_rng(seed)
    held_out = share_of_each_class(labels, HELD_OUT, lambda label: rng)
    x = torch.from_numpy(np.ascontiguousarray(images))
    y = torch.from_numpy(np.asarray(labels, np.int64))
    training_rows, held_out_rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    size = (x.shape[1], x.shape[2])
    transform = Transform(size, size, mean=MEAN, std=STD)

    torch.manual_seed(seed)
    network: Any = timm.create_model(model, num_classes=len(classes))
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(_groups(network, weight_decay), lr=_RATE)
    steps = epochs * -(-len(training_rows) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, steps)

    start = time.monotonic()
    for epoch in range(epochs):
        network.train()
        order = rng.permutation(training_rows)
        total, correct = 0.0, 0
        for rows in np.split(order, range(_BATCH, len(order), _BATCH)):
            logits = network(_input(transform, shifted(x[rows], rng)))
            loss = F.cross_entropy(logits, y[rows], label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
            correct += int((logits.argmax(1) == y[rows]).sum())
        left = (time.monotonic() - start) / (epoch + 1) * (epochs - epoch - 1)
        log.info(
            "%s epoch %d of %d: loss %.3f, accuracy %.1f%%, %.0f s left",
            model,
            epoch + 1,
            epochs,
            total / len(training_rows),
            100 * correct / len(training_rows),
            left,
        )
    accuracy = {
        "train": _accuracy(network, transform, x, y, training_rows),
        "held_out": _accuracy(network, transform, x, y, held_out_rows),
    }
    if accuracy["held_out"] is None:
        log.warning("%s: no class has two images, so none is held out to measure accuracy", model)
    else:
        log.info("%s: accuracy on held-out images %.1f%%", model, 100 * accuracy["held_out"])
    facts = {
        "model": model,
        "classes": list(classes),
        "seed": seed,
        "epochs": epochs,
        "accuracy": accuracy,
        "images": len(training_rows),
        "input_size": list(size),
        "crop_pct": 1.0,
        "crop_mode": transform.fit,
        "mean": list(transform.mean),
        "std": list(transform.std),
        "interpolation": transform.interpolation,
        "weight_decay": weight_decay,
    }
    return {key: value.contiguous() for key, value in network.state_dict().items()}, facts


def _groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: weight decay for matrices and kernels, none for biases and the scales of normalisations."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def shifted(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Shift each of the images (n, H, W, ...) by up to `_SHIFT` pixels along both axes, repeating its border."""
    count, height, width = x.shape[:3]
    offsets = torch.from_numpy(rng.integers(-_SHIFT, _SHIFT + 1, (2, count, 1)))
    rows = (offsets[0] + torch.arange(height)).clamp(0, height - 1)
    columns = (offsets[1] + torch.arange(width)).clamp(0, width - 1)
    return x[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _input(transform: Transform, x: torch.Tensor) -> torch.Tensor:
    return transform.normalised(transform.batch_pixels(x)).contiguous(
        memory_format=torch.channels_last
    )


@torch.inference_mode()
def _accuracy(
    model: Any, transform: Transform, x: torch.Tensor, y: torch.Tensor, rows: np.ndarray
) -> float | None:
    """The share of correct predictions on some rows; None without rows."""
    if not len(rows):
        return None
    model.eval()
    correct = sum(
        int((model(_input(transform, x[batch])).argmax(1) == y[batch]).sum())
        for batch in np.split(rows, range(512, len(rows), 512))
    )
    return correct / len(rows)
