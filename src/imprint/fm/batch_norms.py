"""Fold batch norms into the convolutions before them, for faster models whose embeddings change only by rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

TOLERANCE = 1e-3  # relative change of an embedding: rounding is far below, a wrong pair far above


def fold_batch_norms(model: nn.Module, x: torch.Tensor) -> None:
    """Fold every batch norm of a model in eval mode into the convolution whose output it takes.

    Parameters
    ----------
    model : nn.Module
        Changed in place; restored if its output for `x` changes by more than rounding.
    x : tensor
        Input of the model, used to find out which batch norm follows which convolution.
    """
    if not any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        return
    with torch.no_grad():
        pairs, before = _pairs(model, x)
        for pair in pairs:
            pair.fold(model)
        after = model(x)
        change = (after - before).flatten(1).norm(dim=1)
        if not (change <= TOLERANCE * before.flatten(1).norm(dim=1)).all():
            for pair in pairs:
                pair.restore(model)


@dataclass(frozen=True)
class _Pair:
    """A convolution and the batch norm that takes its output; `name` is the batch norm's."""

    convolution: nn.Conv2d
    weight: nn.Parameter
    bias: nn.Parameter | None
    norm: nn.BatchNorm2d
    name: str

    def fold(self, model: nn.Module) -> None:
        norm, mean, variance = self.norm, self.norm.running_mean, self.norm.running_var
        assert mean is not None and variance is not None
        self.convolution.weight, self.convolution.bias = fuse_conv_bn_weights(
            self.weight, self.bias, mean, variance, norm.eps, norm.weight, norm.bias
        )
        # timm's batch norms contain an activation
        layers = [getattr(norm, part) for part in ("drop", "act") if hasattr(norm, part)]
        model.set_submodule(self.name, nn.Sequential(*layers))

    def restore(self, model: nn.Module) -> None:
        self.convolution.weight, self.convolution.bias = self.weight, self.bias
        model.set_submodule(self.name, self.norm)


def _pairs(model: nn.Module, x: torch.Tensor) -> tuple[list[_Pair], torch.Tensor]:
    """The pairs found by a forward pass, and its output."""
    names = {module: name for name, module in model.named_modules() if name}
    outputs: list[tuple[nn.Conv2d, torch.Tensor, int]] = []
    pairs: dict[nn.Module, _Pair] = {}
    calls: dict[nn.Module, int] = {}

    def record(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        calls[module] = calls.get(module, 0) + 1
        if isinstance(module, nn.Conv2d):
            outputs.append((module, output, output._version))

    def match(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if not isinstance(module, nn.BatchNorm2d) or module.running_mean is None:
            return
        for convolution, output, version in reversed(outputs):
            # if the version differs, something changed the output in place
            if output is inputs[0] and output._version == version:
                weight: Any = convolution.weight
                bias: Any = convolution.bias
                pairs[module] = _Pair(convolution, weight, bias, module, names[module])

    hooks = [module.register_forward_hook(record) for module in names]
    hooks += [module.register_forward_pre_hook(match) for module in names]
    try:
        result: torch.Tensor = model(x)
    finally:
        for hook in hooks:
            hook.remove()
    convolutions = [pair.convolution for pair in pairs.values()]
    once = [
        pair
        for norm, pair in pairs.items()
        if calls[norm] == calls[pair.convolution] == 1 and convolutions.count(pair.convolution) == 1
    ]
    return once, result
