"""Foundation models behind one face: a batch of images goes in, one embedding an image comes out."""

import difflib
import math
import re
from pathlib import Path

import torch
from torch import nn

from imprint.data.fetch import persistent
from imprint.errors import UserError
from imprint.fm.checkpoints import fill, only_weights, read_about, read_state, save, weights_sha256
from imprint.fm.transforms import Transform

_SETTINGS = ("input_size", "crop_pct", "crop_mode", "mean", "std", "interpolation")


class Embedder(nn.Module):
    """A frozen model in eval mode: normalised images (N, 3, H, W) -> embeddings (N, dim).

    dim: size of an embedding. transform: the `Transform` its images go through. identity: {source, model,
    weights_sha256}. classifier: (C, dim) float32 rows of the model's own linear head, or None. weight_decay:
    of its pre-training where the file says it, or None.
    The argument dim, where it is known, is the size that the model's classifier takes; another is an error.
    """

    def __init__(self, body, transform, identity, classifier=None, weight_decay=None, dim=None):
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
        fits = classifier is not None and classifier.shape[1] == self.dim
        self.classifier = classifier.detach().float().numpy().copy() if fits else None

    def forward(self, x):
        return self.body(x)

    def train(self, mode=True):
        """Stays in eval mode: batch statistics must not depend on what else is in the batch."""
        return self


def load(
    source: str,
    model: str | None = None,
    *,
    weights: str | None = None,
    checkpoint: str | Path | None = None,
    **changes,
) -> Embedder:
    """Load a foundation model as an `Embedder`. All that is wrong is a `UserError`.

    source `timm`: `model` is a tagged name (resnet18.tv_in1k), hf-hub:... or local-dir:..., whose weights
    timm fetches; with `checkpoint` (.safetensors, .pth, .pt, .bin) any timm name. source `torchvision`:
    `model` and the name of its `weights` (IMAGENET1K_V1, DEFAULT), which also say how images are prepared;
    with `checkpoint` the weights come from there. source `pretrained`: `checkpoint` is a file of
    `imprint.fm.pretrain`. changes: input_size (int or (h, w)), mean, std, interpolation, crop_pct, crop_mode
    (center, squash, border) replace what the model came with; None leaves it. input_size alone means the
    whole image, without a crop.
    """
    loaders = {"timm": _timm, "torchvision": _torchvision, "pretrained": _pretrained}
    if source not in loaders:
        raise UserError(f"unknown FM source '{source}'; known: {', '.join(loaders)}")
    if model is None and source != "pretrained":
        raise UserError(f"an FM of source '{source}' needs a model name")
    unknown = set(changes) - set(_SETTINGS)
    if unknown:
        raise TypeError(f"unknown settings {sorted(unknown)}; known: {_SETTINGS}")
    changes = {name: value for name, value in changes.items() if value is not None}
    return loaders[source](model, weights, checkpoint, changes)


def fetch(path: str | Path, source: str, model: str, *, weights: str | None = None) -> None:
    """Write published weights to a safetensors file, with which as `checkpoint` `load` needs no network.

    They come from where timm and torchvision keep what they downloaded before, or from their hubs. The other
    arguments are those of `load`.
    """
    about = {"source": source, "model": model}
    if source == "timm":
        _check_timm_name(model, None)
        made = _published_timm(model, {})
        if model.startswith("hf-hub:"):
            from timm.models import load_model_config_from_hf

            config, architecture, arguments = load_model_config_from_hf(model.removeprefix("hf-hub:"))
            about["timm"] = {"architecture": architecture, "config": config, "arguments": arguments}
    else:
        entry = _entry(model, weights)
        made = _published_torchvision(model, entry)
        about["weights"] = entry.name
    save(path, made.state_dict(), about)


class _TimmBody(nn.Module):
    """timm's one calling convention for pooled features without the classifier."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.forward_head(self.model.forward_features(x), pre_logits=True)


def _timm(name, weights, checkpoint, changes):
    import timm

    _check_timm_name(name, checkpoint)
    if checkpoint is None:
        model = _published_timm(name, changes)
    elif {"source": "timm", "model": name}.items() <= read_about(checkpoint).items():
        model = _fetched_timm(name, checkpoint, changes)
    else:
        model = _create(name, read_state(checkpoint), checkpoint, changes)
    classifier = model.get_classifier()
    model.reset_classifier(0)
    rows = classifier.weight if isinstance(classifier, nn.Linear) else None
    config = timm.data.resolve_model_data_config(model)
    came_with = {key: config[key] for key in _SETTINGS}
    identity = {"source": "timm", "model": name}
    return Embedder(
        _TimmBody(model), _transform(came_with, changes), identity, rows, dim=model.head_hidden_size
    )


def _published_timm(name, changes):
    try:
        with only_weights():
            model = persistent(name, lambda: _resized(name, changes, pretrained=True))
    except Exception as error:  # the hub's client has another class for every way of being unreachable
        raise UserError(
            f"the weights of '{name}' could not be loaded ({type(error).__name__}: {error}){_remedy(name)}"
        ) from error
    return _classifying(name, model)


def _fetched_timm(name, path, changes):
    """As `_published_timm`, from a file of `fetch`."""
    recipe = read_about(path).get("timm") or {"architecture": name, "config": None, "arguments": {}}
    here = {"file": str(path), "source": "file"}
    try:
        model = _resized(
            name, changes, recipe["architecture"], pretrained=True, pretrained_cfg=recipe["config"],
            pretrained_cfg_overlay=here, **recipe["arguments"],
        )  # fmt: skip
    except Exception as error:  # timm and torch have many classes for what does not fit
        raise UserError(
            f"the weights of '{name}' in {path} could not be loaded ({type(error).__name__}: {error}); "
            "delete the file to fetch them again"
        ) from error
    return _classifying(name, model)


def _classifying(name, model):
    if not hasattr(model, "get_classifier"):
        raise UserError(f"timm's {name} is no classifier, so it has no embedding to take")
    return model


def _remedy(name):
    """What to do when weights cannot be fetched."""
    import timm

    if name.startswith("local-dir:"):
        return "; the folder needs config.json and model.safetensors, as timm.models.save_for_hf writes them"
    place = name.removeprefix("hf-hub:") if ":" in name else timm.get_pretrained_cfg(name).hf_hub_id
    if not place:
        return "; without a network, download them elsewhere and give the file as 'checkpoint'"
    place = f"{place}{name}" if place.endswith("/") else place
    return (
        f"; without a network, get https://huggingface.co/{place}/resolve/main/model.safetensors elsewhere "
        "and give the file as 'checkpoint'"
    )


def _check_timm_name(name, checkpoint):
    """The architecture must exist and, without a checkpoint, have weights of that tag."""
    import timm

    if ":" in name:  # hf-hub: and local-dir: name what timm cannot list
        return
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        close = difflib.get_close_matches(architecture, timm.list_models())
        hint = f"; did you mean {' or '.join(close)}?" if close else "; timm.list_models() has them all"
        raise UserError(f"timm has no model '{architecture}'{hint}")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
    if checkpoint is None and tag not in tags:
        raise UserError(
            f"model '{name}': timm's weights are named with a tag; {architecture} has "
            + (", ".join(tags) if tags else "no weights, give a checkpoint")
        )


def _resized(name, changes, architecture=None, **options):
    """A timm model; one with position embeddings is told another input size when it is made.

    A name with hf-hub: or local-dir: tells only by the model it makes whether it has to be told. architecture: what such
    a name stands for, where that is known.
    """
    import timm

    size = changes.get("input_size")
    sized = {} if size is None else {"img_size": (size, size) if isinstance(size, int) else tuple(size)}
    if ":" not in name:
        config = timm.get_pretrained_cfg(name)
        fixed = config is not None and config.fixed_input_size
        return timm.create_model(name, **(sized if fixed else {}), **options)
    model = timm.create_model(architecture or name, **options)
    if sized and model.pretrained_cfg.get("fixed_input_size"):
        model = timm.create_model(architecture or name, **sized, **options)
    return model


def _create(name, state, path, changes):
    """A timm model with the weights of a checkpoint, the classifier included if the checkpoint has one."""
    model = _classifying(name, _resized(name, changes))
    heads = model.pretrained_cfg.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    rows = state.get(f"{heads[0]}.weight") if heads else None
    model.reset_classifier(0 if rows is None else len(rows))
    fill(model, state, path, ignored=tuple(f"{head}." for head in heads))
    if rows is None:
        model.reset_classifier(0)
    return model


def _transform(came_with, changes):
    """The `Transform` of what a model came with and the changes asked for, both by timm's names."""
    if "input_size" in changes and not {"crop_pct", "crop_mode"} & changes.keys():
        changes = {**changes, "crop_pct": 1.0, "crop_mode": "squash"}
    settings = {**came_with, **changes}
    size = settings["input_size"]
    size = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    try:
        crop_pct = settings["crop_pct"]
        if crop_pct <= 0:
            raise ValueError(f"crop_pct {crop_pct} is not positive")
        return Transform(
            size=size,
            # the tolerance keeps 224 / (224 / 232) at 232
            resize=tuple(math.floor(side / crop_pct + 1e-6) for side in size),
            fit=settings["crop_mode"],
            mean=tuple(settings["mean"]),
            std=tuple(settings["std"]),
            interpolation=settings["interpolation"],
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"the image transform of the FM: {error}") from error


def _torchvision(name, weights, checkpoint, changes):
    from torchvision import models

    entry = _entry(name, weights)
    # these two scale their input back from ImageNet's mean and std, with their published weights alone
    scaled = {"transform_input": True, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    preset = entry.transforms()
    state = None
    published = checkpoint is None or read_about(checkpoint).get("weights") == entry.name
    if checkpoint is not None:
        # the transformers among them are made for one size
        size = preset.crop_size[0] if published else changes.get("input_size", preset.crop_size[0])
        fixed = {"image_size": size} if name[:4] == "vit_" else {}
        model = models.get_model(name, weights=None, **scaled, **fixed)
        # the names of torchvision's own files of densenets, which are older than the class
        old = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
        state = {old.sub(r"\1\2", key): value for key, value in read_state(checkpoint).items()}
    else:
        model = _published_torchvision(name, entry)
    auxiliary = [key for key in ("aux1", "aux2", "AuxLogits") if hasattr(model, key)]
    for key in auxiliary:  # classifiers of inner layers, for training
        model.aux_logits = False
        setattr(model, key, None)
    head = _take_head(name, model)
    rows = head["rows"]
    if state is not None:
        ignored = (f"{head['key']}.", *(f"{key}." for key in auxiliary))
        fill(model, state, checkpoint, ignored=ignored)
        rows = state.get(f"{head['key']}.weight")
    if rows is not None:
        rows = rows.flatten(1)

    came_with = {
        "input_size": preset.crop_size[0],
        "crop_pct": preset.crop_size[0] / preset.resize_size[0],
        "crop_mode": "center",
        "mean": preset.mean,
        "std": preset.std,
        "interpolation": preset.interpolation.value,
    }
    identity = {"source": "torchvision", "model": f"{name}.{entry.name}" if published else name}
    return Embedder(model, _transform(came_with, changes), identity, rows, dim=head["dim"])


def _published_torchvision(name, entry):
    from torchvision import models

    try:
        with only_weights():
            return persistent(entry.name, lambda: models.get_model(name, weights=entry))
    except Exception as error:  # torch.load has another class for every way of being damaged
        raise UserError(
            f"the weights {entry.name} of torchvision's {name} could not be loaded ({error}); "
            f"without a network, put {entry.url} into {Path(torch.hub.get_dir()) / 'checkpoints'}"
        ) from error


def _entry(name, weights):
    """The entry of torchvision's registry for weights of a classification model."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        if name in models.list_models():
            raise UserError(f"torchvision's {name} does not classify images, so it has no embedding to take")
        close = difflib.get_close_matches(name, known)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UserError(f"torchvision has no model '{name}'{hint}")
    entries = models.get_model_weights(name).__members__
    if (weights or "DEFAULT") not in entries:
        raise UserError(f"torchvision has no weights '{weights}' of {name}; known: {', '.join(entries)}")
    return entries[weights or "DEFAULT"]


def _take_head(name, model):
    """Take the classifier off a model of torchvision: its {key, rows, dim}."""
    from torchvision.models import SqueezeNet

    if isinstance(model, SqueezeNet):  # classifies every place with a convolution and pools then
        layer, key, dim = model.classifier[1], "classifier.1", model.classifier[1].in_channels
        model.classifier = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1))
    else:
        key, layer = [pair for pair in model.named_modules() if isinstance(pair[1], nn.Linear)][-1]
        dim = layer.in_features
        model.set_submodule(key, nn.Identity())
    return {"key": key, "rows": layer.weight, "dim": dim}


def _pretrained(name, weights, checkpoint, changes):
    import timm

    if checkpoint is None:
        raise UserError("an FM of source 'pretrained' needs a checkpoint, the file its training wrote")
    state, about = read_state(checkpoint), read_about(checkpoint)
    if "classes" not in about:
        raise UserError(f"checkpoint {checkpoint} is not a file of imprint's pre-training (no metadata)")
    model = timm.create_model(about["model"], num_classes=len(about["classes"]))
    fill(model, state, checkpoint)
    rows = model.get_classifier().weight
    model.reset_classifier(0)
    came_with = {key: about[key] for key in _SETTINGS}
    identity = {"source": "pretrained", "model": about["model"]}
    return Embedder(_TimmBody(model), _transform(came_with, changes), identity, rows, about["weight_decay"])
