"""The section `fms`: a model for each source of `imprint.fm`, and one for embeddings computed elsewhere."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from imprint.fm.packaged_models import PACKAGED
from imprint.store.fm_identity import LOCAL_FOLDER
from imprint.study.config.base import (
    Finite,
    Kind,
    Name,
    Place,
    Positive,
    PositiveFloat,
    Section,
    Seed,
    mistake,
    one_of,
)

# weight decay of the pre-training of the paper's four FMs
WEIGHT_DECAY = {"resnet18": 1e-4, "resnet50": 1e-4, "vit_b_16": 0.1, "swin_b": 0.05}
COMMON_DECAY = 1e-4  # if it is not known: that of the common ResNets, and the default of `ImprintingClassifier`
SPLIT = "{split}"  # in the path of a file of embeddings: the name of the split


class _FM(Section):
    """Keys and properties that all FMs share.

    Attributes
    ----------
    embeds_images : bool
        Whether it is a model; otherwise it has only embeddings.
    pretrains : bool
        Whether the workflow trains its weights.
    """

    embeds_images: ClassVar[bool] = True
    pretrains: ClassVar[bool] = False

    source: Kind[str]
    ls_lambda: PositiveFloat | None = None
    """Ridge parameter of the least-squares GENs (`ls`, `kls`): by default the weight decay of the FM's pre-training, as in the
    paper, or 1e-4 if that is not known. Other values can be far better; GEN `ridge` chooses one."""

    @property
    def pretraining_decay(self) -> float | None:
        """The weight decay of the pre-training; None if it is not known."""
        return None

    @property
    def ridge(self) -> float:
        """Ridge parameter of the least-squares GENs."""
        return self.ls_lambda or self.pretraining_decay or COMMON_DECAY

    @property
    def fetches_weights(self) -> bool:
        """Whether the workflow downloads its published weights."""
        return False

    @property
    def makes_weights(self) -> bool:
        """Whether the workflow downloads or trains its weights."""
        return self.fetches_weights or self.pretrains

    @property
    def users_weights(self) -> str | None:
        """The user's file of weights, in place of published ones."""
        return getattr(self, "checkpoint", None)

    @property
    def users_folder(self) -> str | None:
        """The user's folder with the model and its weights."""
        return None


class _Model(_FM):
    """A model, which embeds images."""

    model: str
    """Name of the architecture; for timm with its tag, such as resnet18.tv_in1k, or a name with hf-hub: or local-dir:."""
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    """Precision of the forward pass."""
    dtype: Literal["float32", "float16"] = "float32"
    """Type of the stored embeddings; float16 halves the files, and values beyond its range are an error."""
    shards: Positive = 1
    """Number of jobs that embed a split, in parallel if there are GPUs or nodes for them. The embeddings do not depend on it, so
    a change of it embeds nothing again."""


class _WithTokens(_Model):
    """A timm architecture, which may be a transformer."""

    pooling: Literal["pooled", "class_token", "class_token+patches"] = "pooled"
    """Part of the last layer that is the embedding: the input of the model's own classifier; the class token; or the class
    token followed by the mean of the patch tokens, which is twice as long."""


class PretrainedFM(_WithTokens):
    """A small timm architecture that the workflow pre-trains itself, then freezes."""

    pretrains: ClassVar[bool] = True

    source: Kind[Literal["pretrained"]]
    model: str
    """timm architecture, such as test_resnet or test_convnext."""
    dataset: Name
    """Dataset to pre-train on; it must have a split `pretrain`, as `glyphs` has."""
    epochs: Positive = 8
    """Passes over the training images."""
    seed: Seed = 0
    """Seed of initialisation, order and augmentation."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    """Weight decay of AdamW; also the default of ls_lambda."""

    @property
    def pretraining_decay(self) -> float:
        """The weight decay."""
        return self.weight_decay


class _Published(_Model):
    """A model with published weights, whose preprocessing may be changed."""

    input_size: Positive | None = None
    """Side in pixels to which images are resized, without a crop, in place of the model's own preprocessing."""
    mean: tuple[Finite, Finite, Finite] | None = None
    """Mean of the RGB channels in [0, 1], in place of the model's own."""
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Standard deviation of the RGB channels, in place of the model's own."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] | None = None
    """Interpolation of the resizing, in place of the model's own."""


class PackagedFM(_Published):
    """A model whose published weights are in an installed Python package, so that nothing is downloaded."""

    source: Kind[Literal["package"]]
    model: Annotated[str, one_of("packaged FM", lambda: PACKAGED)]
    """Name of the model, which is that of timm's architecture."""

    @property
    def pretraining_decay(self) -> float:
        """The weight decay of the pre-training."""
        return PACKAGED[self.model].weight_decay


class PublishedFM(_Published):
    """A model with published weights or a checkpoint."""

    checkpoint: Place | None = None
    """File with weights (safetensors, or a .pth of tensors) in place of the published ones. ${NAME} reads the environment."""

    @property
    def pretraining_decay(self) -> float | None:
        """The weight decay of a known model."""
        return WEIGHT_DECAY.get(self.model.partition(".")[0])

    @property
    def fetches_weights(self) -> bool:
        """Whether its weights are neither in a checkpoint nor in a folder."""
        return not (self.checkpoint or self.users_folder)


class TimmFM(PublishedFM, _WithTokens):
    """A model of timm, with its published weights or a checkpoint."""

    source: Kind[Literal["timm"]]

    @property
    def users_folder(self) -> str | None:
        """The folder in its name, unless a checkpoint has the weights."""
        if self.checkpoint or not self.model.startswith(LOCAL_FOLDER):
            return None
        return self.model.removeprefix(LOCAL_FOLDER)


class TorchvisionFM(PublishedFM):
    """A classification model of torchvision, with its published weights or a checkpoint."""

    source: Kind[Literal["torchvision"]]
    weights: str = "IMAGENET1K_V1"
    """Name of the published weights; their own transform is used."""


def _check_file(path: str) -> str:
    """A file of embeddings. NPZ has no groups, so one file cannot hold both splits."""
    if path.lower().endswith(".npz") and SPLIT not in path:
        stem = path[: -len(".npz")]
        raise mistake(
            f"{path} would be both the training and the test split; write a file for each, such as {stem}-{SPLIT}.npz"
        )
    return path


class EmbeddingsFM(_FM):
    """Embeddings computed elsewhere, in place of a model."""

    embeds_images: ClassVar[bool] = False

    source: Kind[Literal["embeddings"]]
    files: dict[Name, Annotated[Place, AfterValidator(_check_file)]] = Field(min_length=1)
    """The file of each dataset: HDF5 with groups train and test, or a path with {split} in it (HDF5 or NPZ). It
    holds embeddings (N, D), labels (N,) and, if known, ids, class_names and the weights of the FM's classifier (C, D)."""

    def has_file_per_split(self, dataset: str) -> bool:
        """Whether each split of a dataset has a file of its own."""
        return SPLIT in self.files[dataset]

    def file(self, dataset: str, split: str) -> str:
        """The file of one split of a dataset."""
        return self.files[dataset].replace(SPLIT, split)


FM = Annotated[
    PackagedFM | PretrainedFM | TimmFM | TorchvisionFM | EmbeddingsFM, Field(discriminator="source")
]
