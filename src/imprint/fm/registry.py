"""The registry of FM sources: where foundation models come from.

A new source is one class in one module of this folder: a subclass of `FMSource`, registered with `fm_source` and
imported in `imprint.fm.models`. The module must import torch inside its functions, because the Snakefile reads the registry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from imprint.errors import UserError
from imprint.fm.pooling import POOLED
from imprint.registry import Registry

if TYPE_CHECKING:
    from imprint.fm.embedder import Embedder


@dataclass(frozen=True)
class FMSource(ABC):
    """One foundation model of a source.

    Attributes
    ----------
    model : str
        Name of the architecture; empty if the source needs none.
    weights : str or None
        Name of the published weights, if they have a name of their own.
    checkpoint : path or None
        Weights file, in place of the published weights.
    pooling : {"pooled", "class_token", "class_token+patches"}
        The outputs of the last layer that form the embedding; see `imprint.fm.models.load`.
    needs_model_name : bool
        Whether `load` needs `model`.
    default_weights : str or None
        The published weights that a study uses by default.
    has_tokens : bool
        Whether `load` supports `pooling`; otherwise it is always "pooled".
    """

    model: str = ""
    weights: str | None = None
    checkpoint: str | Path | None = None
    pooling: str = POOLED

    needs_model_name: ClassVar[bool] = True
    default_weights: ClassVar[str | None] = None
    has_tokens: ClassVar[bool] = False

    @abstractmethod
    def load(self, changes: Mapping[str, Any]) -> Embedder:
        """The model, with these changes to its image transform."""

    def fetch(self, path: str | Path) -> None:
        """Write the published weights to a safetensors file that `load` takes as `checkpoint`; a `UserError` if there are none."""
        raise UserError("FMs of this source have no published weights; give a checkpoint")

    @classmethod
    def options(cls, identity: Mapping[str, Any]) -> dict[str, str | None]:
        """The `model` and `weights` of an `Embedder` with this identity."""
        return {"model": identity.get("model"), "weights": identity.get("weights")}


FM_SOURCES: Registry[type[FMSource]] = Registry("FM source")
fm_source = FM_SOURCES.adding  # fm_source(name) registers a class
