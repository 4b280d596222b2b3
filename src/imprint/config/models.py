"""The typed study: what `config.yaml` may say, each key with its meaning and default.

The JSON schema in workflow/schemas is generated from these models. Checks that need more than one value of one
key (names that must exist, classes that a dataset must have) are in `check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticKnownError

from imprint.aggregate import AGGREGATIONS, DISTANCES, WEIGHTINGS
from imprint.generate import GENERATORS
from imprint.method import Configuration, k_name
from imprint.normalize import NORM_INF, NORM_POST, NORM_PRE

Positive = Annotated[int, Field(gt=0, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def one_or_more(item: Any) -> Any:
    """A list of `item` that is not empty; one value may stand for a list of one."""
    return Annotated[tuple[item, ...], BeforeValidator(_as_list), Field(min_length=1)]


def known(names: Any) -> Any:
    """One of the names of a registry."""
    return Literal[tuple(names)]


def registered(names: Mapping[str, Any]) -> Any:
    """One of the names of a registry that users' files extend."""

    def check(name: str) -> str:
        if name not in names:
            raise PydanticKnownError(
                "literal_error", {"expected": ", ".join(f"'{known}'" for known in names)}
            )
        return name

    schema = {"anyOf": [{"enum": list(names)}, {"type": "string"}]}
    return Annotated[str, AfterValidator(check), WithJsonSchema(schema)]


class Model(BaseModel):
    """Base of all sections: unknown keys are an error, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class _Dataset(Model):
    classes: tuple[Count, ...] | Literal["needed"] | None = None
    """Original class indices to embed, or `needed` for those that the study's tasks use; all by default. Labels keep
    their numbers."""
    limit: Positive | None = None
    """At most this many samples per class and split, drawn with a fixed seed; all by default."""

    SUBSET: ClassVar = {"classes", "limit", "on_error"}  # what is embedded, not what the dataset is
    PLACE: ClassVar = {"root"}  # where it lies

    @property
    def options(self) -> dict[str, Any]:
        """What `imprint.data.sources` calls the options of the source."""
        return self.model_dump(mode="json", exclude={"source", *self.SUBSET}, exclude_none=True)

    @property
    def class_count(self) -> int | None:
        """How many classes it has, or None where only its data can tell."""
        from imprint.data.sources import class_count

        return class_count(self.source, self.options)


class GlyphsDataset(_Dataset):
    """Characters drawn with the fonts of matplotlib; made by the workflow, deterministic."""

    source: Literal["glyphs"]
    """Kind of source."""
    pretrain: Positive = 200
    """Images per class of the split `pretrain`, which only FM pre-training sees."""
    train: Positive = 100
    """Images per class of the split `train`, from which proxies are generated."""
    test: Positive = 50
    """Images per class of the split `test`."""
    seed: Count = 0
    """Seed of the drawing."""


class SklearnDataset(_Dataset):
    """A dataset that scikit-learn ships; `digits` are 1,797 handwritten digits of 8 x 8 pixels."""

    source: Literal["sklearn"]
    """Kind of source."""
    name: Literal["digits"]
    """Which of them."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the samples in the test split, stratified by class."""
    seed: Count = 0
    """Seed of the split."""


class _Placed(_Dataset):
    root: Annotated[str | None, BeforeValidator(lambda given: given or None)] = None
    """Folder that holds it in its usual layout; without one, or with an empty text, it is downloaded into `downloads` of
    the results. ${NAME} and ${NAME:-default} read the environment, ${NAME:-} leaves it out where NAME is not set."""


class TorchvisionDataset(_Placed):
    """A dataset of torchvision.datasets, in its usual layout on disk or downloaded by the workflow."""

    source: Literal["torchvision"]
    """Kind of source."""
    name: str
    """Class name in torchvision.datasets, such as MNIST, CIFAR10 or ImageNet."""


class MnistMDataset(_Placed):
    """MNIST-M: MNIST's digits on patches of photographs (Ganin et al. 2016)."""

    source: Literal["mnist_m"]
    """Kind of source."""


class _Own(_Dataset):
    path: str
    """Where it is. ${NAME} and ${NAME:-default} read the environment."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the samples in the test split, stratified by class, where the data are not divided already."""
    seed: Count = 0
    """Seed of that division."""
    on_error: Literal["fail", "skip"] = "fail"
    """What to do with an image that cannot be read: stop and name it, or leave it out and count it."""


class ImageFolderDataset(_Own):
    """Own images: a folder for each class, in folders train/ and test/ or divided here."""

    source: Literal["imagefolder"]
    """Kind of source."""


class CsvDataset(_Own):
    """Own images: a table with the columns path and label and, if they are divided already, split."""

    source: Literal["csv"]
    """Kind of source."""


class EmbeddingsDataset(Model):
    """No images at all: embeddings computed elsewhere, which FMs of source `embeddings` name."""

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
    | EmbeddingsDataset,
    Field(discriminator="source"),
]


class _FM(Model):
    ls_lambda: Annotated[float, Field(gt=0)] | None = None
    """Ridge of the least-squares GEN (`ls`, `kls`): the weight decay of the FM's pre-training."""
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    """Precision of the forward pass."""
    dtype: Literal["float32", "float16"] = "float32"
    """How embeddings are stored; float16 halves the files, and values beyond its range are an error."""


class PretrainedFM(_FM):
    """A small timm architecture that the workflow pre-trains itself, then freezes."""

    source: Literal["pretrained"]
    """Kind of source."""
    model: str
    """timm architecture, such as test_resnet or test_convnext."""
    dataset: Name
    """Dataset whose split `pretrain` it learns; it must have one (`glyphs` has)."""
    epochs: Positive = 8
    """Passes over the training images."""
    seed: Count = 0
    """Seed of initialisation, order and augmentation."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    """Weight decay of AdamW; also the default of ls_lambda."""

    @property
    def ridge(self) -> float | None:
        return self.ls_lambda or self.weight_decay or None


class _LoadedFM(_FM):
    model: str
    """Name of the architecture; for timm with its tag, such as resnet18.tv_in1k, or hf-hub: and local-dir: names."""
    checkpoint: str | None = None
    """File with weights (safetensors, or a .pth of tensors) in place of the published ones. ${NAME} reads the environment."""
    input_size: Positive | None = None
    """Side in pixels that images are resized to, without a crop, in place of the model's own preprocessing."""
    mean: tuple[float, float, float] | None = None
    """Mean of the RGB channels in [0, 1], in place of the model's own."""
    std: tuple[float, float, float] | None = None
    """Standard deviation of the RGB channels, in place of the model's own."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] | None = None
    """How images are resized, in place of the model's own way."""


# weight decay of the pre-training of the paper's four FMs
KNOWN_LAMBDA = {"resnet18": 1e-4, "resnet50": 1e-4, "vit_b_16": 0.1, "swin_b": 0.05}


class TimmFM(_LoadedFM):
    """A model of timm, with its published weights or a checkpoint."""

    source: Literal["timm"]
    """Kind of source."""

    @property
    def ridge(self) -> float | None:
        return self.ls_lambda or KNOWN_LAMBDA.get(self.model.split(".")[0])


class TorchvisionFM(_LoadedFM):
    """A classification model of torchvision, with its published weights or a checkpoint."""

    source: Literal["torchvision"]
    """Kind of source."""
    weights: str = "IMAGENET1K_V1"
    """Name of the published weights; their own transform is used."""

    @property
    def ridge(self) -> float | None:
        return self.ls_lambda or KNOWN_LAMBDA.get(self.model)


class EmbeddingsFM(Model):
    """Embeddings computed elsewhere, in place of a model."""

    source: Literal["embeddings"]
    """Kind of source."""
    files: dict[Name, str] = Field(min_length=1)
    """For each dataset its file, HDF5 with groups train and test, or a path with {split} in it (HDF5 or NPZ); it
    holds embeddings (N, D), labels (N,) and, if known, ids and class_names."""
    ls_lambda: Annotated[float, Field(gt=0)] | None = None
    """Ridge of the least-squares GEN (`ls`, `kls`)."""

    @property
    def ridge(self) -> float | None:
        return self.ls_lambda


FM = Annotated[PretrainedFM | TimmFM | TorchvisionFM | EmbeddingsFM, Field(discriminator="source")]


class Family(Model):
    """A family of tasks "d in 1": new classes that each unite d original ones, over random draws (section 5.3)."""

    d: one_or_more(Positive)
    """How many original classes make one new class; one task `<name>-d<d>` each."""
    classes: Positive = 10
    """New classes per task."""
    draws: Positive = 10
    """Random draws of the classes; all are inside one job."""
    sample: Positive | None = None
    """How many original classes are drawn from; all by default."""
    seed: Count = 420
    """Seed of the draws (Python's `random`); 420 gives the paper's."""


class TaskConfig(Model):
    """A classification task: one or several datasets, all classes or some, as they are or united."""

    datasets: one_or_more(Name)
    """Datasets, concatenated; the labels of each are offset by the number of classes before it."""
    classes: tuple[Count, ...] | None = None
    """Class indices (after the offset) to keep; class j of the task is the j-th of them. All by default."""
    label_map: dict[Count, Count] | None = None
    """New class of each original class (after the offset); several may share one. Those not named are left out."""
    family: Family | None = None
    """Makes this a family of "d in 1" tasks instead of one task."""


class GenGrid(Model):
    """One GEN with the numbers of proxies to try."""

    name: registered(GENERATORS)
    """Name of the GEN."""
    k: one_or_more(Positive | Literal["auto"]) | None = None
    """Proxies per class, one or several, `auto` for a number chosen from the training samples of each task; not for mean,
    ls and all, which have no choice."""


class AggGrid(Model):
    """One AGG with the distances, numbers of neighbours and weightings to try."""

    name: known(AGGREGATIONS)
    """`max`: the class of the best proxy; `mnn`: the m nearest vote."""
    distance: one_or_more(known(DISTANCES)) | None = None
    """How near a proxy is; inner_product by default for max, euclidean for mnn."""
    m: one_or_more(Positive) | None = None
    """Neighbours that vote; mnn only, where it must be given."""
    weighting: one_or_more(known(WEIGHTINGS)) | None = None
    """How votes count: the same (`uniform`, the default), or by 1 / distance (`distance`); mnn only."""


class Cell(Model):
    """Which cell the figures of one FM and task show (`tsne`, `confusion`, `gallery`); what is left open, each FM and
    task has a figure of its own, and of the methods it is the best, by median accuracy."""

    fm: Name | None = None
    """FM; each of the experiment by default."""
    task: Name | None = None
    """Task, one of a family by its own name (`<name>-d<d>`); by default each of the experiment, those of families only
    if there are no others."""
    shots: Positive | Literal["full"] | None = None
    """Training samples per class; the most of the experiment by default."""
    draw: Count = 0
    """Which draw of a family's task."""
    norm_pre: known(NORM_PRE) | None = None
    """Normalisation of training embeddings before generation."""
    gen: registered(GENERATORS) | None = None
    """Name of the GEN."""
    k: Positive | Literal["auto"] | None = None
    """Proxies per class."""
    norm_post: known(NORM_POST) | None = None
    """Normalisation of the proxies."""
    norm_inf: known(NORM_INF) | None = None
    """Normalisation of test embeddings."""
    agg: known(AGGREGATIONS) | None = None
    """`max` or `mnn`."""
    distance: known(DISTANCES) | None = None
    """How near a proxy is."""
    weighting: known(WEIGHTINGS) | None = None
    """How votes count."""
    m: Positive | None = None
    """Neighbours that vote."""
    seed: Count | None = None
    """Seed of the run; by default the one that reaches the median accuracy."""

    def fits(self, configuration: Configuration) -> bool:
        """Whether a method has all that is given here."""
        has = configuration._asdict() | {"k": configuration.k or k_name(configuration.gen, None)}
        return all(getattr(self, name) in (None, value) for name, value in has.items())


class Experiment(Model):
    """A named grid: every combination of its axes is a cell; cells shared with other experiments are computed once."""

    fms: one_or_more(Name) | None = None
    """FMs; all by default."""
    tasks: one_or_more(Name) | None = None
    """Tasks or task families; all by default."""
    shots: one_or_more(Positive | Literal["full"]) = ("full",)
    """Training samples per class, `full` for all of them."""
    seeds: one_or_more(Count) | None = None
    """Seeds of this experiment; those of the study by default."""
    presets: tuple[str, ...] = ()
    """Published methods, by name: qi, hosoda, janson, westerhoff, oracle."""
    gen: tuple[GenGrid, ...] = ()
    """Generators with their k."""
    norm_pre: one_or_more(known(NORM_PRE)) = ("l2",)
    """Normalisation of training embeddings before generation."""
    norm_post: one_or_more(known(NORM_POST)) = ("l2",)
    """Normalisation of the proxies."""
    norm_inf: one_or_more(known(NORM_INF)) = ("l2",)
    """Normalisation of test embeddings. norm_pre l2 is combined with norm_inf l2 only, as in the paper."""
    agg: tuple[AggGrid, ...] = (AggGrid(name="max"),)
    """Aggregations with their distances, m and weightings."""
    save_heads: bool = False
    """Whether to save the best head of each FM and task in results/heads; not for task families."""
    per_class: bool = False
    """Whether scores also hold the F1 of each class (column class_f1, in class order)."""
    figures: tuple[str, ...] = ()
    """Figures to draw of this experiment."""
    also: tuple[str, ...] = ()
    """Other experiments, whose grids the tables and figures of this one show too."""
    cell: Cell = Cell()
    """Which cell the figures of one FM and task show: tsne, confusion and gallery."""
    tables: tuple[str, ...] = ()
    """Tables to write of this experiment."""


class Compute(Model):
    """How results are computed; a change here computes nothing again."""

    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """auto (a GPU if there is one), cpu, mps, cuda or cuda:N."""
    batch_size: Positive | None = None
    """Images per forward pass; chosen for the device by default."""
    scoring_device: Annotated[str, StringConstraints(pattern=r"^(cpu|mps|cuda(:\d+)?)$")] = "cpu"
    """Where proxies are scored: cpu, mps, cuda or cuda:N. Rounding differs, predictions hardly ever."""
    threads: Positive = 1
    """Threads of each job that generates or scores proxies; more pay with tens of thousands of samples. On one machine a
    job that generates proxies also takes the cores that no other job asks for."""


class StudyConfig(Model):
    """A study: foundation models, datasets, tasks, seeds, and the experiments on them."""

    results: str = "results"
    """Folder that everything is written to."""
    seeds: one_or_more(Count) = (17121997, 123987, 12412312)
    """Seeds of the replicates; by default the paper's."""
    compute: Compute = Compute()
    """How results are computed: devices, batch size, threads."""
    generators: tuple[str, ...] = ()
    """Python files that register GENs of your own (docs/own-gen.md)."""
    figure_width: Literal["column", "page"] = "column"
    """For which width figures are laid out: a column (3.4 inches) or a page (7 inches) of a paper. Only they are drawn
    again after a change."""
    fms: dict[Name, FM] = Field(min_length=1)
    """Foundation models by name."""
    datasets: dict[Name, Dataset] = Field(min_length=1)
    """Datasets by name."""
    tasks: dict[Name, TaskConfig] = Field(min_length=1)
    """Tasks and task families by name."""
    experiments: dict[Name, Experiment] = Field(min_length=1)
    """Experiments by name."""
