"""Heads as torch modules, and the module of exported files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear

from imprint.errors import UserError
from imprint.method.configuration import UNIT_LENGTH
from imprint.method.distances import DISTANCES
from imprint.method.folding import steps_of
from imprint.method.normalize import l2
from imprint.method.operands import Proxies, ProxyColumns
from imprint.method.scoring import norm_post_of, normalised_proxies

if TYPE_CHECKING:
    from imprint.estimator.predictor import Predictor


def unit_length(x: torch.Tensor) -> torch.Tensor:
    """Vectors (n, D) divided by their lengths, however short; `torch.nn.functional.normalize` takes those below 1e-12 for zero."""
    lengths = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / torch.where(lengths > 0, lengths, 1.0)


class BestProxy(nn.Module):
    """Map embeddings (n, D) to the similarity (n, C) of the best proxy of each class.

    Parameters
    ----------
    weight : Tensor of shape (P, D)
        Proxies.
    bias : Tensor of shape (P,) or None
        Added to the products.
    labels : Tensor of shape (P,)
        Classes of the proxies, ascending.
    unit_length : bool
        Whether embeddings are divided by their lengths.
    centre : Tensor of shape (D,) or None
        If there is one, the scores are minus the euclidean distances: `weight` are proxies minus this point, and `bias` minus half
        of their squared lengths.
    shared : Tensor of shape (D,) or None
        If there is one, it was subtracted from all proxies, which lie so close together that float32 would not hold the
        differences of their scores. Scores are float64 then.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    labels: torch.Tensor
    centre: torch.Tensor | None
    shared: torch.Tensor | None

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        labels: torch.Tensor,
        unit_length: bool,
        centre: torch.Tensor | None,
        shared: torch.Tensor | None,
    ) -> None:
        super().__init__()
        _hold(self, weight=weight, bias=bias, labels=labels, centre=centre, shared=shared)
        self.classes = int(labels[-1]) + 1
        self.unit_length = unit_length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (n, C) of embeddings (n, D)."""
        if self.unit_length:
            x = unit_length(x)
        if self.centre is not None:
            x = x - self.centre
        scores = linear(x, self.weight, self.bias)
        if self.shared is not None:
            scores = scores.double() + (x.double() @ self.shared.double())[:, None]
        n = scores.shape[0]  # len() would fix the batch size when the module is exported
        best = scores.new_full((n, self.classes), -torch.inf)
        best = best.scatter_reduce(1, self.labels.expand(n, -1), scores, "amax")
        if self.centre is not None:
            return -((x * x).sum(dim=1, keepdim=True) - 2 * best).clamp(min=0).sqrt()
        return best


class Scaled(nn.Module):
    """Embeddings (n, D) multiplied by a number."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scaled embeddings (n, D)."""
        return x * self.scale


class UnitLength(nn.Module):
    """Embeddings (n, D) divided by their lengths."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, D) of length 1."""
        return unit_length(x)


class LinearMap(nn.Module):
    """The map of a fitted NORM: embeddings (n, D), minus a mean, times a matrix (D, q)."""

    mean: torch.Tensor | None
    components: torch.Tensor

    def __init__(self, norm: Any) -> None:
        super().__init__()
        mean = getattr(norm, "mean_", None)
        _hold(
            self,
            mean=None if mean is None else _tensor(mean),
            components=_tensor(norm.components_),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mapped embeddings (n, q)."""
        if self.mean is not None:
            x = x - self.mean
        return x @ self.components


def module_of(head: Predictor, exact: bool, scale: float = 1.0) -> nn.Module:
    """The module of a head whose embeddings are scaled by `scale`; see `ImprintingClassifier.to_torch`."""
    if problem := head.export_problem:
        raise UserError(problem)
    candidate = head.fastest_exact if exact else head.fastest
    scoring = candidate.scorings[0]
    norm_post = norm_post_of(candidate, scoring)
    raw = ProxyColumns(candidate.values)
    proxies = normalised_proxies(raw, candidate, norm_post, head.fm_classifier)
    steps = steps_of(candidate, scoring)
    assert steps is not None  # see `Predictor.export_problem`
    # a scorer divides by the length itself, if that is all: a linear layer may not need it
    unit_length = steps == [UNIT_LENGTH]
    layers: list[nn.Module] = [] if scale == 1 else [Scaled(scale)]
    if not unit_length:
        layers += [UnitLength() if step == UNIT_LENGTH else LinearMap(step) for step in steps]
    scorer = _scorer(proxies, candidate.labels, scoring.distance, unit_length, exact)
    return nn.Sequential(*layers, scorer) if layers else scorer


def _scorer(
    proxies: Proxies,
    labels: np.ndarray,
    distance: str,
    unit_length: bool,
    exact: bool,
) -> nn.Module:
    """The module that scores embeddings against proxies after NORMpost, of ascending classes `labels` (P,).

    unit_length: whether embeddings are divided by their lengths first. exact: whether scores must be the similarities, not
    only in their order, which is all that a plain linear layer may give.
    """
    form = DISTANCES[distance].linear
    assert form is not None  # see `Predictor.export_problem`
    weight, bias = proxies.values.astype(np.float64), proxies.bias
    one_length, centre, shared = bias is None, None, None
    if form.squares:
        squares = (weight**2).sum(axis=1)
        # far from the origin rounding errors of the lengths decide, here as in `predict`
        is_far = proxies.far_mean is not None
        one_length = not is_far and np.allclose(squares, squares[0], rtol=1e-6, atol=0)
    elif proxies.are_close:
        close = proxies.about_mean(form.unit_length)
        weight = close.columns.values
        shared = torch.from_numpy(close.mean) if exact else None
    elif form.unit_length:
        weight = l2(weight)
    normalises = unit_length or form.unit_length or form.squares or shared is not None
    if len(labels) > labels[-1] + 1 or (unit_length and not one_length) or (exact and normalises):
        if form.squares:  # about their mean, distances keep more digits
            centre = _tensor(weight.mean(axis=0))
            weight = weight - centre.numpy()
            bias = -(weight**2).sum(axis=1) / 2
        of_classes = torch.from_numpy(np.array(labels))
        of_weights, of_bias = _tensor(weight), None if bias is None else _tensor(bias)
        normalises = unit_length or form.unit_length
        return BestProxy(of_weights, of_bias, of_classes, normalises, centre, shared)
    if form.squares:  # what all proxies share changes no order
        bias = None if one_length else -(squares - squares.mean()) / 2
        weight = weight - weight.mean(axis=0)
    layer = nn.Linear(weight.shape[1], len(weight), bias=bias is not None)
    layer.weight.data = _tensor(weight)
    if bias is not None:
        layer.bias.data = _tensor(bias)
    return layer.requires_grad_(False)


def _hold(module: nn.Module, **tensors: torch.Tensor | None) -> None:
    """Make tensors buffers of a module, and attributes of those that are None, which torch.export cannot have as buffers."""
    for name, tensor in tensors.items():
        if tensor is None:
            setattr(module, name, None)
        else:
            module.register_buffer(name, tensor)


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A copy as float32."""
    return torch.from_numpy(np.array(array, np.float32))


class Deployed(nn.Module):
    """The computation of an exported file.

    Parameters
    ----------
    head : Module
        Maps embeddings to class scores.
    inverse_temperature : float or None
        Factor for scores before the softmax that gives probabilities; None for scores only.
    body : Module, optional
        The FM; with it the input is images.
    mean, std : sequence of 3 floats
        Mean and standard deviation of the image channels, for `body`.

    Attributes
    ----------
    outputs : list of str
        Names of the outputs.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        head: nn.Module,
        inverse_temperature: float | None,
        body: nn.Module | None = None,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.head, self.body = head, body
        self.inverse_temperature = inverse_temperature
        self.outputs = ["scores"] if inverse_temperature is None else ["scores", "probabilities"]
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Scores (n, C) and, with a temperature, probabilities (n, C)."""
        if self.body is not None:
            x = self.body((x - self.mean) / self.std)
        scores = self.head(x)
        if self.inverse_temperature is None:
            return {"scores": scores}
        probabilities = (self.inverse_temperature * scores).softmax(dim=1).float()
        return {"scores": scores, "probabilities": probabilities}
