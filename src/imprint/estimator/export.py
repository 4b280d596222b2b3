"""Heads as torch modules and ONNX files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear, normalize

from imprint.errors import UserError, not_installed
from imprint.method.configuration import IDENTITY, UNIT_LENGTH
from imprint.method.distances import DISTANCES
from imprint.store.files import atomic


class BestProxy(nn.Module):
    """From embeddings (n, D) to the similarity (n, C) of the best proxy of each class.

    Parameters
    ----------
    weight : Tensor of shape (P, D)
        Proxies.
    bias : Tensor of shape (P,) or None
        Added to the products.
    labels : Tensor of shape (P,)
        Classes of the proxies, ascending.
    unit : bool
        Whether embeddings are divided by their length.
    distance : bool
        Whether the scores <w, x> + b, with b = -|w|^2 / 2, become minus the euclidean distance.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    labels: torch.Tensor

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        labels: torch.Tensor,
        unit: bool,
        distance: bool,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("labels", labels)
        self.classes = int(labels[-1]) + 1
        self.unit = unit
        self.distance = distance

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (n, C) of embeddings (n, D)."""
        if self.unit:
            x = normalize(x, dim=1)
        scores = linear(x, self.weight, self.bias)
        n = scores.shape[0]  # len() would fix the batch size when the module is exported
        best = scores.new_full((n, self.classes), -torch.inf)
        best = best.scatter_reduce(1, self.labels.expand(n, -1), scores, "amax")
        if self.distance:
            return -((x * x).sum(dim=1, keepdim=True) - 2 * best).clamp(min=0).sqrt()
        return best


def write_onnx(
    module: nn.Module, dim: int, path: str | Path, classes: list[str | int | float]
) -> None:
    """Write a module of `scorer` as ONNX: `embeddings` (N, dim) float32 to `scores` (N, C), for any N.

    Parameters
    ----------
    module : Module
        The module.
    dim : int
        Size of an embedding.
    path : path
        An .onnx file.
    classes : list
        The labels of the columns, which the file keeps as JSON under the metadata key `classes`.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (what torch exports with)
    except ModuleNotFoundError as error:
        raise UserError(not_installed(error.name or "onnx") or str(error)) from None
    program = torch.onnx.export(
        module.eval(),
        (torch.zeros(2, dim),),
        input_names=["embeddings"],
        output_names=["scores"],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # with dynamo=True there is one
    model = program.model_proto
    model.metadata_props.append(
        onnx.StringStringEntryProto(key="classes", value=json.dumps(classes))
    )
    onnx.checker.check_model(model)
    with atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def write_program(
    module: nn.Module, dim: int, path: str | Path, classes: list[str | int | float]
) -> None:
    """Write a module of `scorer` as a program of torch.export, which `torch.export.load` reads without imprint.

    Parameters
    ----------
    module : Module
        The module.
    dim : int
        Size of an embedding.
    path : path
        A .pt2 file.
    classes : list
        The labels of the columns, which the file keeps as JSON in the extra file `classes`.
    """
    if Path(path).suffix != ".pt2":
        raise UserError(f"{path}: a program of torch.export is a .pt2 file")
    program = torch.export.export(
        module.eval(), (torch.zeros(2, dim),), dynamic_shapes=({0: torch.export.Dim("n")},)
    )
    with atomic(path) as temporary:
        torch.export.save(program, temporary, extra_files={"classes": json.dumps(classes)})


def scorer(
    proxies: np.ndarray,
    labels: np.ndarray,
    distance: str,
    norm_inf: str,
    own_bias: np.ndarray | None = None,
) -> nn.Module:
    """The module of a head; see `ImprintingClassifier.to_torch`.

    Parameters
    ----------
    proxies : ndarray of shape (P, D)
        Proxies after NORMpost, float32.
    labels : ndarray of shape (P,)
        Their classes, ascending.
    distance, norm_inf : str
        Names of the distance and of NORMinf.
    own_bias : ndarray of shape (P,), optional
        What is added to the inner products of the proxies.
    """
    form = DISTANCES.find(distance).linear
    if form is None:
        linear_ones = ", ".join(name for name, entry in DISTANCES.items() if entry.linear)
        raise UserError(f"to_torch: {distance} distance has no module; {linear_ones} have one")
    if norm_inf not in (IDENTITY, UNIT_LENGTH):
        raise UserError(
            f"to_torch: NORMinf {norm_inf} has no module; {IDENTITY} and {UNIT_LENGTH} have one"
        )
    unit = norm_inf == UNIT_LENGTH
    weight, bias, one_length = torch.from_numpy(np.array(proxies)), None, True
    if own_bias is not None:
        bias, one_length = torch.from_numpy(np.array(own_bias, np.float32)), False
    if form.unit:
        weight = normalize(weight, dim=1)
    if form.squares:
        squares = (proxies.astype(np.float64) ** 2).sum(axis=1)
        bias = torch.from_numpy((-squares / 2).astype(np.float32))
        one_length = np.allclose(squares, squares[0], rtol=1e-6, atol=0)
    if len(labels) > labels[-1] + 1 or (unit and not one_length):
        of_classes = torch.from_numpy(np.array(labels))
        return BestProxy(weight, bias, of_classes, unit or form.unit, form.squares)
    bias = None if one_length else bias
    layer = nn.Linear(weight.shape[1], len(weight), bias=bias is not None)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = bias
    return layer.requires_grad_(False)
