"""Foundation models with one interface: from a batch of images to an embedding of each."""

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
        Preprocessing of the images.
    identity : mapping
        `source` and `model`, and `pooling` if it is not "pooled".
    fm_classifier : tensor of shape (C, dim), optional
        Weights of the model's own linear classifier; ignored if their size is not that of an embedding.
    weight_decay : float, optional
        Weight decay of the pre-training.
    dim : int, optional
        The size of the input of the model's classifier, if known.

    Attributes
    ----------
    dim : int
        Size of an embedding.
    transform : Transform
        Preprocessing of the images.
    identity : dict
        `source`, `model`, `pooling` if it is not "pooled", and `weights_sha256`.
    fm_classifier : ndarray of shape (C, dim) or None
        Weights of the model's own linear classifier, float32.
    weight_decay : float or None
        Weight decay of the pre-training, if known.

    Raises
    ------
    UserError
        If the model does not take images of this size, does not give one vector per image, or its size is not `dim`.
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
                f"model {identity['model']} gives features of shape {shape[1:]}, not one vector per image"
            )
        self.dim = shape[1]
        if dim is not None and dim != self.dim:
            raise UserError(
                f"model {identity['model']} gives {self.dim} features, its classifier takes {dim}: "
                "they are not the input of the classifier"
            )
        self.identity = {**identity, "weights_sha256": weights_sha256(body.state_dict())}
        self.fm_classifier = None
        if fm_classifier is not None and fm_classifier.shape[1] == self.dim:
            self.fm_classifier = fm_classifier.detach().float().numpy().copy()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embeddings of a batch."""
        return self.body(x)

    def train(self, mode: bool = True) -> Embedder:
        """Stay in eval mode: an embedding must not depend on the other images of the batch."""
        return self


class TimmFeatures(nn.Module):
    """Pooled features of a timm model, without its classifier."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of a batch."""
        return self.model.forward_head(self.model.forward_features(x), pre_logits=True)


class TimmTokens(nn.Module):
    """The class token of a timm model after its final norm, alone or beside the mean of the patch tokens."""

    def __init__(self, model: Any, with_patches: bool) -> None:
        super().__init__()
        self.model, self.with_patches = model, with_patches

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of a batch."""
        tokens: torch.Tensor = self.model.forward_features(x)
        # in models that average their tokens, the final norm comes after the average
        if getattr(self.model, "fc_norm", None) is not None:
            tokens = self.model.fc_norm(tokens)
        class_token = tokens[:, 0]
        if not self.with_patches:
            return class_token
        # registers may come before the patches
        patches = tokens[:, self.model.num_prefix_tokens :].mean(dim=1)
        return torch.cat([class_token, patches], dim=1)


def timm_embedder(
    model: Any,
    transform: Transform,
    identity: Mapping[str, Any],
    weight_decay: float | None = None,
    pooling: str = POOLED,
) -> Embedder:
    """The embedder of a timm model, with its classifier removed.

    Parameters
    ----------
    model : nn.Module
        The model.
    transform, identity, weight_decay
        As for `Embedder`; `identity` without the pooling.
    pooling : {"pooled", "class_token", "class_token+patches"}
        The outputs of the last layer that form the embedding.

    Raises
    ------
    UserError
        If the model has no class token and the pooling needs one, or as for `Embedder`.
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
            f"model {identity['model']} has no class token, which pooling '{pooling}' needs; use pooling '{POOLED}'"
        )
    tokens = TimmTokens(model, with_patches=pooling == CLASS_TOKEN_AND_PATCHES)
    identity = {**identity, "pooling": pooling}
    return Embedder(tokens, transform, identity, fm_classifier, weight_decay)
