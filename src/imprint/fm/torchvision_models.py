"""The FM source `torchvision`: torchvision's classification models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.data.retries import persistent
from imprint.errors import UserError
from imprint.fm.hubs import advice, refusal
from imprint.fm.registry import FMSource, fm_source
from imprint.registry import suggestion

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imprint.fm.embedder import Embedder

_AUXILIARY = ("aux1", "aux2", "AuxLogits")  # classifiers of inner layers, for training

# torchvision's densenet files use older parameter names than its class
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


@fm_source("torchvision")
class TorchvisionModel(FMSource):
    """A torchvision model with a checkpoint or named weights, which also determine how images are prepared."""

    default_weights = "IMAGENET1K_V1"

    def load(self, changes: Mapping[str, Any]) -> Embedder:
        """The model; see `FMSource.load`."""
        from torchvision import models

        from imprint.fm.checkpoints import classifier_rows, fill, read_facts, read_state
        from imprint.fm.embedder import Embedder
        from imprint.fm.transforms import make_transform

        name, checkpoint, entry = self.model, self.checkpoint, self._entry()
        preset = entry.transforms()
        defaults = {
            "input_size": preset.crop_size[0],
            "crop_pct": preset.crop_size[0] / preset.resize_size[0],
            "crop_mode": "center",
            "mean": preset.mean,
            "std": preset.std,
            "interpolation": preset.interpolation.value,
        }
        published = checkpoint is None or read_facts(checkpoint).get("weights") == entry.name
        state = None
        if checkpoint is None:
            model: Any = self._download(entry)
        else:
            options: dict[str, Any] = {}
            if name in ("googlenet", "inception_v3"):
                # torchvision makes these two rescale inputs from ImageNet's mean and std only with published weights
                options = {"transform_input": True, "init_weights": False}
            elif name.startswith("vit_"):  # these transformers are made for one size
                options["image_size"] = defaults["input_size"]
                if not published:
                    options["image_size"] = changes.get("input_size", defaults["input_size"])
            model = models.get_model(name, weights=None, **options)
            state = {
                _OLD_DENSENET.sub(r"\1\2", key): value
                for key, value in read_state(checkpoint).items()
            }
        auxiliary = [key for key in _AUXILIARY if hasattr(model, key)]
        for key in auxiliary:
            model.aux_logits = False
            setattr(model, key, None)
        classifier = _take_classifier(model)
        rows = classifier.rows
        if state is not None and checkpoint is not None:
            ignored = tuple(f"{key}." for key in (classifier.key, *auxiliary))
            fill(model, state, checkpoint, ignored=ignored)
            rows = classifier_rows(state, classifier.key, checkpoint)
        return Embedder(
            model,
            make_transform(defaults, changes),
            {"source": "torchvision", "model": f"{name}.{entry.name}" if published else name},
            None if rows is None else rows.flatten(1),
            dim=classifier.dim,
        )

    def fetch(self, path: str | Path) -> None:
        """Write the published weights; see `FMSource.fetch`."""
        from imprint.fm.checkpoints import save

        entry = self._entry()
        facts = {"source": "torchvision", "model": self.model, "weights": entry.name}
        save(path, self._download(entry).state_dict(), facts)

    @classmethod
    def options(cls, identity: Mapping[str, Any]) -> dict[str, str | None]:
        """The `model` and `weights` of an identity, whose `model` may end with the name of published weights."""
        model, _, weights = str(identity.get("model")).partition(".")
        return {"model": model, "weights": identity.get("weights") or weights or None}

    def _download(self, entry: Any) -> nn.Module:
        """The model with published weights."""
        import torch
        from torchvision import models

        from imprint.fm.checkpoints import only_weights

        folder = Path(torch.hub.get_dir()) / "checkpoints"
        remedy = f"without a network, put {entry.url} into {folder}. {advice()}"
        is_cached = (folder / entry.url.rpartition("/")[2]).exists()
        if not is_cached and (words := refusal(entry.url)):
            raise UserError(
                f"the weights {entry.name} of torchvision's {self.model} could not be loaded (the server of {entry.url} "
                f"{words}); {remedy}"
            )
        try:
            with only_weights():
                return persistent(entry.name, lambda: models.get_model(self.model, weights=entry))
        except Exception as error:  # torch.load raises many classes for damaged files
            raise UserError(
                f"the weights {entry.name} of torchvision's {self.model} could not be loaded ({error}); {remedy}"
            ) from error

    def _entry(self) -> Any:
        """The entry of the weights of a classification model in torchvision's registry."""
        from torchvision import models

        name, known = self.model, models.list_models(module=models)
        if name not in known:
            if name in models.list_models():
                raise UserError(
                    f"torchvision's {name} does not classify images, so it has no embedding to use"
                )
            raise UserError(f"torchvision has no model '{name}'{suggestion(name, known)}")
        entries = models.get_model_weights(name).__members__
        weights = self.weights or "DEFAULT"
        if weights not in entries:
            raise UserError(
                f"torchvision has no weights '{weights}' of {name}; known: {', '.join(entries)}"
            )
        return entries[weights]


@dataclass(frozen=True)
class _Classifier:
    """The classifier of a model: the name of its layer, its weights, and the size of its input."""

    key: str
    rows: Tensor | None
    dim: int


def _take_classifier(model: Any) -> _Classifier:
    """Remove the classifier of a torchvision model, and return it."""
    from torch import nn
    from torchvision.models import SqueezeNet

    if isinstance(model, SqueezeNet):  # classifies every position by a convolution, then pools
        layer, key = model.classifier[1], "classifier.1"
        model.classifier = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1))
        return _Classifier(key, layer.weight, layer.in_channels)
    key, layer = [pair for pair in model.named_modules() if isinstance(pair[1], nn.Linear)][-1]
    model.set_submodule(key, nn.Identity())
    return _Classifier(key, layer.weight, layer.in_features)
