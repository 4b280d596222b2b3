"""Heads as torch modules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear, normalize

from imprint.errors import UserError
from imprint.store import atomic


class BestProxy(nn.Module):
    """From embeddings (n, D) to the similarity (n, C) of the best proxy of each class.

    weight: (P, D), bias: (P,) or None; labels: (P,) ascending. unit: whether embeddings are divided by their length.
    distance: the scores <w, x> + b stand for: inner_product and cosine as they are; euclidean with b = -|w|^2 / 2 as
    minus the distance.
    """

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor | None, labels: torch.Tensor, unit: bool, distance: str
    ):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("labels", labels)
        self.classes = int(labels[-1]) + 1
        self.unit = unit
        self.distance = distance

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.unit:
            x = normalize(x, dim=1)
        scores = linear(x, self.weight, self.bias)
        n = scores.shape[0]  # len() would fix the batch size when the module is exported
        best = scores.new_full((n, self.classes), -torch.inf)
        best = best.scatter_reduce(1, self.labels.expand(n, -1), scores, "amax")
        if self.distance == "euclidean":
            return -((x * x).sum(dim=1, keepdim=True) - 2 * best).clamp(min=0).sqrt()
        return best


def write_onnx(module: nn.Module, dim: int, path: str | Path, classes: list[str | int | float]) -> None:
    """Write a module of `scorer` as ONNX: `embeddings` (N, dim) float32 to `scores` (N, C), for any N.

    classes: the labels of the columns, which the file keeps as JSON under the metadata key `classes`.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (what torch exports with)
    except ModuleNotFoundError as error:
        raise UserError(f"ONNX needs the package {error.name}; run: pip install 'imprint[onnx]'") from None
    program = torch.onnx.export(
        module.eval(),
        (torch.zeros(2, dim),),
        input_names=["embeddings"],
        output_names=["scores"],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    model.metadata_props.append(onnx.StringStringEntryProto(key="classes", value=json.dumps(classes)))
    onnx.checker.check_model(model)
    with atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def scorer(proxies: np.ndarray, labels: np.ndarray, distance: str, norm_inf: bool) -> nn.Module:
    """The module of proxies (P, D) float32 after NORMpost with classes (P,), ascending; see `ImprintingClassifier.to_torch`."""
    if distance not in ("inner_product", "cosine", "euclidean"):
        raise UserError(
            f"to_torch: {distance} distance has no module; inner_product, cosine and euclidean have one"
        )
    weight, bias, one_length = torch.from_numpy(np.array(proxies)), None, True
    squares = (proxies.astype(np.float64) ** 2).sum(axis=1)
    if distance == "cosine":
        weight = normalize(weight, dim=1)
    elif distance == "euclidean":
        bias = torch.from_numpy((-squares / 2).astype(np.float32))
        one_length = np.allclose(squares, squares[0], rtol=1e-6, atol=0)
    if len(labels) > labels[-1] + 1 or (norm_inf and not one_length):
        return BestProxy(
            weight, bias, torch.from_numpy(np.array(labels)), norm_inf or distance == "cosine", distance
        )
    bias = None if one_length else bias
    layer = nn.Linear(weight.shape[1], len(weight), bias=bias is not None)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = bias
    return layer.requires_grad_(False)
