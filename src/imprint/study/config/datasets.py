"""The section `datasets`: a model for each source of `imprint.data`, and one for embeddings without images."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from imprint.data.sources import SOURCES, make
from imprint.study.config.base import Count, Place, Positive, Section, Seed, Share


class _Dataset(Section):
    """What other code asks of any dataset.

    Attributes
    ----------
    has_images : bool
        Whether it has images; else there are only embeddings of it.
    subset_keys : frozenset of str
        Keys that choose what of it is embedded.
    location_keys : frozenset of str
        Keys that say where it lies.
    """

    has_images: ClassVar[bool] = True
    subset_keys: ClassVar[frozenset[str]] = frozenset()
    location_keys: ClassVar[frozenset[str]] = frozenset()

    source: str
    """Kind of source."""

    @property
    def location(self) -> str | None:
        """The user's folder that a published dataset is read in; None for any other."""
        return None

    @property
    def is_downloaded(self) -> bool:
        """Whether the workflow downloads it."""
        return False

    @property
    def can_pretrain(self) -> bool:
        """Whether it has a split that FMs are pre-trained on."""
        return False


class ImageDataset(_Dataset):
    """A dataset of images."""

    subset_keys: ClassVar[frozenset[str]] = frozenset({"classes", "limit", "on_error"})

    classes: tuple[Count, ...] | Literal["needed"] | None = None
    """Original class indices to embed, or `needed` for those that the study's tasks use; all by default. Labels keep
    their numbers."""
    limit: Positive | None = None
    """At most this many samples per class and split, drawn with a fixed seed; all by default."""

    @property
    def options(self) -> dict[str, Any]:
        """The options of the source, as `imprint.data.sources` takes them."""
        other = {"source", *self.subset_keys}
        return self.model_dump(mode="json", exclude=other, exclude_none=True)

    @property
    def class_count(self) -> int | None:
        """The number of classes, or None where only the data can tell."""
        return make(self.source, self.options).class_count()

    @property
    def can_pretrain(self) -> bool:
        """Whether it has a split that FMs are pre-trained on."""
        return "pretrain" in SOURCES.find(self.source).splits


class GlyphsDataset(ImageDataset):
    """Characters drawn with the fonts of matplotlib; made by the workflow, deterministic."""

    source: Literal["glyphs"]
    """Kind of source."""
    pretrain: Positive = 200
    """Images per class of the split `pretrain`, which only FM pre-training sees."""
    train: Positive = 100
    """Images per class of the split `train`, from which proxies are generated."""
    test: Positive = 50
    """Images per class of the split `test`."""
    seed: Seed = 0
    """Seed of the drawing."""


class SklearnDataset(ImageDataset):
    """A dataset that scikit-learn ships; `digits` are 1,797 handwritten digits of 8 x 8 pixels."""

    source: Literal["sklearn"]
    """Kind of source."""
    name: Literal["digits"]
    """Which of them."""
    test_fraction: Share = 0.3
    """Share of the samples in the test split, stratified by class."""
    seed: Seed = 0
    """Seed of the split."""


class PublishedDataset(ImageDataset):
    """A dataset that is read where it lies, or downloaded."""

    location_keys: ClassVar[frozenset[str]] = frozenset({"root"})

    root: Annotated[Place | None, BeforeValidator(lambda text: text or None)] = None
    """Folder that holds it in its usual layout; without one, or with an empty text, it is downloaded into `downloads` of
    the results. ${NAME} and ${NAME:-default} read the environment, ${NAME:-} leaves it out where NAME is not set."""

    @property
    def location(self) -> str | None:
        """The user's folder; None if it is downloaded."""
        return self.root

    @property
    def is_downloaded(self) -> bool:
        """Whether the workflow downloads it."""
        return self.root is None


class TorchvisionDataset(PublishedDataset):
    """A dataset of torchvision.datasets, in its usual layout on disk or downloaded by the workflow."""

    source: Literal["torchvision"]
    """Kind of source."""
    name: str
    """Class name in torchvision.datasets, such as MNIST, CIFAR10 or ImageNet."""


class MnistMDataset(PublishedDataset):
    """MNIST-M: MNIST's digits on patches of photographs (Ganin et al. 2016)."""

    source: Literal["mnist_m"]
    """Kind of source."""


class OwnImages(ImageDataset):
    """The user's own images."""

    path: Place
    """Where it is. ${NAME} and ${NAME:-default} read the environment."""
    test_fraction: Share = 0.2
    """Share of the samples in the test split, stratified by class, where the data are not divided already."""
    seed: Seed = 0
    """Seed of that division."""
    on_error: Literal["fail", "skip"] = "fail"
    """What to do with an image that cannot be read: stop and name it, or leave it out and count it."""


class ImageFolderDataset(OwnImages):
    """Own images: a folder for each class, in folders train/ and test/ or divided here."""

    source: Literal["imagefolder"]
    """Kind of source."""


class CsvDataset(OwnImages):
    """Own images: a table with the columns path and label and, if they are divided already, split."""

    source: Literal["csv"]
    """Kind of source."""


class HuggingFaceDataset(OwnImages):
    """Own images: a dataset of Hugging Face's `datasets`, the folder of its `save_to_disk`, or Parquet with a column of images."""

    source: Literal["huggingface"]
    """Kind of source."""
    image: str | None = None
    """Column of images; the first by default."""
    label: str | None = None
    """Column of labels; by default the first that has class names, or is called so."""


class WebDataset(OwnImages):
    """Own images: WebDataset, uncompressed tar archives of images with a file `.cls` or `.json` of the label beside each."""

    source: Literal["webdataset"]
    """Kind of source."""


class EmbeddingsDataset(_Dataset):
    """No images at all: embeddings computed elsewhere, which FMs of source `embeddings` name."""

    has_images: ClassVar[bool] = False

    source: Literal["embeddings"]
    """Kind of source."""
    class_count: Positive | None = None
    """How many classes it has, for the checks of tasks; unknown by default."""


Dataset = Annotated[
    GlyphsDataset
    | SklearnDataset
    | TorchvisionDataset
    | MnistMDataset
    | ImageFolderDataset
    | CsvDataset
    | HuggingFaceDataset
    | WebDataset
    | EmbeddingsDataset,
    Field(discriminator="source"),
]
