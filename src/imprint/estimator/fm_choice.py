"""The FM that a user names to embed images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.fm import models
from imprint.fm.models import FM_SOURCES
from imprint.fm.packaged_models import PACKAGED
from imprint.fm.pooling import POOLED
from imprint.registry import suggestion

if TYPE_CHECKING:
    from imprint.fm.embedder import Embedder

DEFAULT_FM = "package:tf_efficientnet_lite0"  # ImageNet weights from a package: no download
DEFAULT_SOURCE = "timm"  # for a model named without a source
PREPROCESSING = ("input_size", "mean", "std", "interpolation")


@dataclass(frozen=True)
class FMChoice:
    """The FM that embeds images, and how it runs.

    Attributes
    ----------
    fm : str or None
        A packaged FM (`tf_efficientnet_lite1`), a timm model (`resnet18.a1_in1k`), or `SOURCE:MODEL`; None for the FM of
        the head, or `DEFAULT_FM` without a head.
    checkpoint : Path or None
        A file of weights, instead of the published ones.
    weights : str or None
        Which published weights of a torchvision model.
    input_size : int or None
        Size in pixels to which the whole image is resized, without a crop.
    mean, std : tuple of 3 floats or None
        Mean and standard deviation of the channels, instead of the model's own.
    interpolation : str or None
        Interpolation for resizing, instead of the model's own.
    pooling : str or None
        Which output of the last layer is the embedding, see `imprint.fm.models.load`; None for that of the head, or "pooled"
        without a head.
    device : str
        `auto`, `cpu`, `mps`, `cuda` or `cuda:1`.
    batch_size : int or None
        Images per forward pass; None: chosen for the device.
    skip_unreadable : bool
        Whether images that cannot be read are left out.
    """

    fm: str | None = None
    checkpoint: Path | None = None
    weights: str | None = None
    input_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    interpolation: str | None = None
    pooling: str | None = None
    device: str = "auto"
    batch_size: int | None = None
    skip_unreadable: bool = False

    @classmethod
    def of_options(cls, function: str, fm: str | None, options: Mapping[str, Any]) -> FMChoice:
        """A choice from an FM name and the options of `function`; an unknown option raises the TypeError that Python would."""
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(
                    f"{function}() got an unexpected keyword argument '{name}'{suggestion(name, known)}"
                )
        return cls(fm, **options)

    @classmethod
    def of(cls, fm: str | FMChoice | None) -> FMChoice:
        """The choice itself, or the choice of an FM by name."""
        return fm if isinstance(fm, cls) else cls(fm)  # type: ignore[arg-type]

    def load(self, recorded: Mapping[str, Any] | None = None) -> tuple[Embedder, dict[str, Any]]:
        """Load the FM.

        Parameters
        ----------
        recorded : mapping, optional
            The FM of a head, as described in its file; loaded if `fm` is None.

        Returns
        -------
        embedder : Embedder
        origin : dict
            Where its weights come from, for the provenance of embeddings.

        Raises
        ------
        UserError
            If the FM cannot be loaded.
        """
        if self.fm is None and recorded:
            source, model, weights = _parse_recorded(recorded)
            weights = self.weights or weights
            pooling = self.pooling or recorded.get("pooling", POOLED)
        else:
            recorded = {}
            fm = self.fm or DEFAULT_FM
            if fm in PACKAGED and self.checkpoint is None:
                fm = f"package:{fm}"
            source, model = _parse(fm)
            weights, pooling = self.weights, self.pooling or POOLED
        weights = weights or FM_SOURCES[source].default_weights
        checkpoint = self.checkpoint or recorded.get("checkpoint")
        if checkpoint is not None and not Path(checkpoint).exists():
            raise UserError(
                f"checkpoint {checkpoint} does not exist; name the file of weights as checkpoint (--checkpoint)"
            )
        changes = {name: getattr(self, name) for name in PREPROCESSING}
        transform = recorded.get("transform")
        if any(value is not None for value in changes.values()):
            transform = None
        elif transform is not None:  # some models are made for one size
            height, width = transform["size"]
            changes["input_size"] = height if height == width else (height, width)
        # torch takes seconds to import
        from imprint.fm.transforms import Transform

        embedder = models.load(
            source, model, weights=weights, checkpoint=checkpoint, pooling=pooling, **changes
        )
        if transform is not None:
            settings: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value  # JSON has lists
                for key, value in transform.items()
            }
            embedder.transform = Transform(**settings)
        origin = {}
        if checkpoint is not None:
            origin["checkpoint"] = str(Path(checkpoint).resolve())
        if weights is not None:
            origin["weights"] = weights
        return embedder, origin


def _parse(fm: str) -> tuple[str, str | None]:
    """Source and model of an FM name; timm names may contain a colon (`hf-hub:...`)."""
    prefix, _, rest = fm.partition(":")
    return (prefix, rest or None) if prefix in FM_SOURCES else (DEFAULT_SOURCE, fm)


def cannot_load(fm: Mapping[str, Any]) -> str:
    """A sentence that says that the FM recorded in a head cannot be loaded."""
    if fm.get("fm"):
        return f"this head was made from embeddings of '{fm['fm']}', no FM that imprint can load"
    return "this head does not say which FM made its embeddings"


def _parse_recorded(fm: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Source, model and published weights of the FM of a head."""
    source = str(fm.get("source"))
    if source not in FM_SOURCES or fm.get("model") is None:
        raise UserError(
            f"{cannot_load(fm)}; give embeddings (HDF5, NPZ), or name the FM as fm (--fm)"
        )
    options = FM_SOURCES[source].options(fm)
    return source, options["model"], options["weights"]
