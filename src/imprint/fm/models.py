"""Foundation models by source and name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError

# these modules register their sources
from imprint.fm import (  # noqa: F401
    packaged_models,
    pretrained_models,
    timm_models,
    torchvision_models,
)
from imprint.fm.compiler import compiler_deferred
from imprint.fm.pooling import POOLED, POOLINGS
from imprint.fm.registry import FM_SOURCES
from imprint.registry import unknown as unknown_name

if TYPE_CHECKING:
    from imprint.fm.embedder import Embedder

SETTINGS = ("input_size", "crop_pct", "crop_mode", "mean", "std", "interpolation")


def load(
    source: str,
    model: str | None = None,
    *,
    weights: str | None = None,
    checkpoint: str | Path | None = None,
    pooling: str = POOLED,
    **changes: Any,
) -> Embedder:
    """Load a foundation model.

    Parameters
    ----------
    source : {"package", "timm", "torchvision", "pretrained"} or another registered one
        `package`: the weights are in an installed Python package. `timm`: timm downloads published weights.
        `torchvision`: `weights` also determine how images are prepared. `pretrained`: `checkpoint` is a file of
        `imprint.fm.pretrain`.
    model : str, optional
        For timm a tagged name (resnet18.tv_in1k), hf-hub:... or local-dir:..., with a `checkpoint` any timm name.
        For torchvision its name there. For package a name of `imprint.fm.packaged_models.PACKAGED`. For pretrained none.
    weights : str, optional
        torchvision's name of the weights (IMAGENET1K_V1, DEFAULT).
    checkpoint : path, optional
        Weights in place of the published ones: .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar.
    pooling : {"pooled", "class_token", "class_token+patches"}
        The outputs of the last layer, after the final norm, that form the embedding: the input of the model's own classifier,
        the class token, or the class token concatenated with the mean of the patch tokens, as in DINOv2's linear probes.
        The last two are for timm transformers with a class token.
    **changes
        input_size (int or (h, w)), mean, std, interpolation, crop_pct and crop_mode (center, squash, border) replace
        the model's own settings; None keeps them. input_size alone means the whole image, without a crop.

    Returns
    -------
    Embedder
        The frozen model.

    Raises
    ------
    UserError
        If the source, model, weights or pooling are unknown, weights cannot be fetched or do not fit, or the model has
        no class token for the pooling.
    """
    unknown = set(changes) - set(SETTINGS)
    if unknown:
        raise TypeError(f"unknown settings {sorted(unknown)}; known: {SETTINGS}")
    entry = FM_SOURCES.find(source)
    if model is None and entry.needs_model_name:
        raise UserError(f"an FM of source '{source}' needs a model name")
    if pooling not in POOLINGS:
        raise UserError(unknown_name("pooling", pooling, POOLINGS))
    if pooling != POOLED and not entry.has_tokens:
        raise UserError(
            f"pooling '{pooling}' is for transformers of timm; models of source '{source}', such as {model}, have only "
            f"'{POOLED}'"
        )
    changes = {name: value for name, value in changes.items() if value is not None}
    from imprint.devices import torch_threads  # torch takes seconds to import

    with compiler_deferred(), torch_threads(1):
        return entry(model or "", weights, checkpoint, pooling).load(changes)


def fetch(path: str | Path, source: str, model: str, *, weights: str | None = None) -> None:
    """Write published weights to a safetensors file; with it as `checkpoint`, `load` needs no network.

    The weights come from the caches of timm and torchvision, or from their hubs.

    Parameters
    ----------
    path : path
        The file.
    source, model, weights
        As in `load`.

    Raises
    ------
    UserError
        If the weights are unknown or cannot be fetched; the message says where to put them by hand.
    """
    FM_SOURCES.find(source)(model, weights).fetch(path)
