"""Foundation models with one interface: a batch of images goes in, an embedding of each comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from imprint.errors import UserError
from imprint.fm.checkpoints import weights_sha256
from imprint.fm.pooling import CLASS_TOKEN_AND_PATCHES, POOLED
from imprint.fm.transforms import Transform


class Embedder(nn.Module):
    """A frozen model in eval mode: normalised images (N, 3, H, W) -> embeddings (N, dim).

    Parameters
    ----------
    body : nn.Module
        The model without its classifier.
    transform : Transform
        What images go through before the model.
    identity : mapping
        `source` and `model`, and `pooling` where it is not "pooled".
    fm_classifier : tensor of shape (C, dim), optional
        Weights of the model's own linear classifier; those of another size are dropped.
    weight_decay : float, optional
        That of the pre-training.
    dim : int, optional
        The size that the model's classifier takes, where it is known.

    Attributes
    ----------
    dim : int
        Size of an embedding.
    transform : Transform
        What images go through before the model.
    identity : dict
        `source`, `model`, `pooling` where it is not "pooled", and `weights_sha256`.
    fm_classifier : ndarray of shape (C, dim) or None
        Weights of the model's own linear classifier, float32.
    weight_decay : float or None
        That of the pre-training, where it is known.

    Raises
    ------
    UserError
        If the model does not take images of this size, gives no vector an image, or one of another size than `dim`.
    """

    def __init__(
        self,
        body: nn.Module,
        transform: Transform,
        identity: Mapping[str, Any],
        fm_classifier: torch.Tensor | None = None,
        weight_decay: float | None = None,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False)
        self.training = False
        self.transform = transform
        self.weight_decay = weight_decay
        try:
            with torch.inference_mode():
                shape = tuple(self(torch.zeros(1, 3, *transform.size)).shape)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UserError(
                f"model {identity['model']} does not take images of size {transform.size}: {error}"
            ) from error
        if len(shape) != 2:
            raise UserError(
                f"model {identity['model']} gives features of shape {shape[1:]}, not one vector an image"
            )
        self.dim = shape[1]
        if dim is not None and dim != self.dim:
            raise UserError(
                f"model {identity['model']} gives {self.dim} features, its classifier takes {dim}: "
                "they are not what comes before the classifier"
            )
        self.identity = {**identity, "weights_sha256": weights_sha256(body.state_dict())}
        self.fm_classifier = None
        if fm_classifier is not None and fm_classifier.shape[1] == self.dim:
            self.fm_classifier = fm_classifier.detach().float().numpy().copy()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embeddings of a batch."""
        embeddings: torch.Tensor = self.body(x)
        return embeddings

    def train(self, mode: bool = True) -> Embedder:
        """Stay in eval mode: batch statistics must not depend on what else is in the batch."""
        return self


class TimmFeatures(nn.Module):
    """Pooled features of a timm model, without its classifier."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of a batch."""
        features: torch.Tensor = self.model.forward_head(
            self.model.forward_features(x), pre_logits=True
        )
        return features


class TimmTokens(nn.Module):
    """The class token of a timm model after its final norm, alone or beside the mean of the patch tokens."""

    def __init__(self, model: Any, with_patches: bool) -> None:
        super().__init__()
        self.model, self.with_patches = model, with_patches

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of a batch."""
        tokens: torch.Tensor = self.model.forward_features(x)
        # models made to average their tokens have their final norm behind the average
        if getattr(self.model, "fc_norm", None) is not None:
            tokens = self.model.fc_norm(tokens)
        class_token = tokens[:, 0]
        if not self.with_patches:
            return class_token
        # before the patches there may be registers too
        patches = tokens[:, self.model.num_prefix_tokens :].mean(dim=1)
        return torch.cat([class_token, patches], dim=1)


def timm_embedder(
    model: Any,
    transform: Transform,
    identity: Mapping[str, Any],
    weight_decay: float | None = None,
    pooling: str = POOLED,
) -> Embedder:
    """The embedder of a timm model, whose classifier is taken off.

    Parameters
    ----------
    model : nn.Module
        The model.
    transform, identity, weight_decay
        As `Embedder` takes them; `identity` without the pooling.
    pooling : {"pooled", "class_token", "class_token+patches"}
        What of the last layer is the embedding.

    Raises
    ------
    UserError
        If the model has no class token and the pooling needs one, or as `Embedder`.
    """
    classifier = model.get_classifier()
    model.reset_classifier(0)
    fm_classifier = classifier.weight if isinstance(classifier, nn.Linear) else None
    if pooling == POOLED:
        features, dim = TimmFeatures(model), model.head_hidden_size
        return Embedder(features, transform, identity, fm_classifier, weight_decay, dim)
    has_class_token = getattr(model, "cls_token", None) is not None
    if not has_class_token or not getattr(model, "num_prefix_tokens", 0):
        raise UserError(
            f"model {identity['model']} has no class token, which pooling '{pooling}' takes; use pooling '{POOLED}'"
        )
    tokens = TimmTokens(model, with_patches=pooling == CLASS_TOKEN_AND_PATCHES)
    identity = {**identity, "pooling": pooling}
    return Embedder(tokens, transform, identity, fm_classifier, weight_decay)
