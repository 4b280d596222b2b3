"""The section `experiments`."""

from __future__ import annotations

from typing import Any, Literal

from imprint.analysis.component_rankings import BY_CONFIGURATION
from imprint.method.configuration import MNN, Configuration
from imprint.method.score_names import ON_TEST, ON_VALIDATION, VALIDATION
from imprint.study.config.base import (
    AggName,
    Count,
    DistanceName,
    ExtraScore,
    FigureName,
    GenName,
    Name,
    Norm,
    NormOfRows,
    OneOrMore,
    Positive,
    PresetName,
    RankBy,
    Section,
    Seed,
    Seeds,
    SelectOn,
    TableName,
    Weighting,
)


class GenGrid(Section):
    """One GEN with the numbers of proxies to try."""

    name: GenName
    """Name of the GEN."""
    k: OneOrMore[Positive | Literal["auto"]] | None = None
    """Proxies per class, one or several, `auto` for a number chosen from the training samples of each task; not for
    mean, all, ls, ridge, logistic and auto, which have no choice."""


class AggGrid(Section):
    """One AGG with the distances, numbers of neighbours and weightings to try."""

    name: AggName
    """`max`: the class of the best proxy; `mnn`: the m nearest vote; `logsumexp`: all proxies of a class count by
    exp(similarity / T)."""
    distance: OneOrMore[DistanceName] | None = None
    """How near a proxy is; inner_product by default for max and logsumexp, euclidean for mnn."""
    m: OneOrMore[Positive] | None = None
    """Neighbours that vote; mnn only, where it must be given."""
    weighting: OneOrMore[Weighting] | None = None
    """How votes count: the same (`uniform`, the default of mnn), by 1 / distance (`distance`), or by exp(-distance / T)
    (`exponential(0.07)`); logsumexp has the last alone, and max none."""

    @property
    def votes(self) -> bool:
        """Whether several proxies decide."""
        return self.name == MNN


class Cell(Section):
    """Which cell the figures of one FM and task show (`tsne`, `confusion`, `gallery`; `training_images` shows no method).

    Where FM or task is left open, each has a figure of its own; of the methods left open the best by median accuracy
    is shown.
    """

    fm: Name | None = None
    """FM; each of the experiment by default."""
    task: Name | None = None
    """Task, one of a family by its own name (`<name>-d<d>`); by default each of the experiment, those of families only
    if there are no others."""
    shots: Positive | Literal["full"] | None = None
    """Training samples per class; the most of the experiment by default."""
    draw: Count = 0
    """Which draw of a family's task."""
    norm_pre: NormOfRows | None = None
    """Normalisation of training embeddings before generation."""
    gen: GenName | None = None
    """Name of the GEN."""
    k: Positive | Literal["auto"] | None = None
    """Proxies per class."""
    norm_post: Norm | None = None
    """Normalisation of the proxies."""
    norm_inf: NormOfRows | None = None
    """Normalisation of test embeddings."""
    agg: AggName | None = None
    """`max`, `mnn` or `logsumexp`."""
    distance: DistanceName | None = None
    """How near a proxy is."""
    weighting: Weighting | None = None
    """How votes count."""
    m: Positive | None = None
    """Neighbours that vote."""
    seed: Seed | None = None
    """Seed of the run; by default the one that reaches the median accuracy."""

    def fits(self, configuration: Configuration) -> bool:
        """Whether a method has every choice that is made here."""
        fields = configuration.as_dict()
        return all(str(fields[name]) == str(value) for name, value in self.method.items())

    @property
    def method(self) -> dict[str, Any]:
        """The choices of the method that are made here, by the names of `Configuration.as_dict`."""
        other = {"fm", "task", "shots", "draw", "seed"}
        return self.model_dump(exclude=other, exclude_none=True)


class Experiment(Section):
    """A named grid: every combination of its axes is a cell; cells shared with other experiments are computed once."""

    title: str | None = None
    """Its heading in the report; by default its name in words."""
    about: str | None = None
    """What the experiment asks, in a sentence that the report shows below its heading."""
    fms: OneOrMore[Name] | None = None
    """FMs; all by default."""
    tasks: OneOrMore[Name] | None = None
    """Tasks or task families; all by default."""
    shots: OneOrMore[Positive | Literal["full"]] = ("full",)
    """Training samples per class, `full` for all of them."""
    seeds: Seeds | None = None
    """Seeds of this experiment; those of the study by default."""
    presets: tuple[PresetName, ...] = ()
    """Named methods: the published qi, hosoda, janson, westerhoff and oracle; whiten and auto; and what they are compared with,
    the references ridge, probe, lda and knn."""
    gen: tuple[GenGrid, ...] = ()
    """Generators with their k."""
    norm_pre: OneOrMore[NormOfRows] = ("l2",)
    """Normalisation of training embeddings before generation."""
    norm_post: OneOrMore[Norm] = ("l2",)
    """Normalisation of the proxies."""
    norm_inf: OneOrMore[NormOfRows] = ("l2",)
    """Normalisation of test embeddings. norm_pre l2 is combined with norm_inf l2 only, as in the paper."""
    agg: tuple[AggGrid, ...] = (AggGrid(name="max"),)
    """Aggregations with their distances, m and weightings."""
    save_heads: bool = False
    """Whether to save the best head of each FM and task in results/heads; not for task families."""
    per_class: bool = False
    """Whether scores also hold the F1 of each class (column class_f1, in class order)."""
    extra_scores: tuple[ExtraScore, ...] = ()
    """Further columns of scores: `validation_accuracy` on a fifth of the training samples that is held out,
    `train_accuracy`, `top5_accuracy`, `log_loss` and `calibration_error` (expected calibration error, 15 bins) of a softmax at
    the temperature that suits the held-out samples. Each costs about as much as the scores."""
    select_on: SelectOn = ON_TEST
    """On what the best of several configurations is chosen, in tables, figures and saved heads: `validation`, the held-out
    fifth of the training samples, so that test data only score it; or `test`, which says what could be reached. In
    rankings of GEN, NORM and AGG see `rank_by` too."""
    rank_by: RankBy = BY_CONFIGURATION
    """What stands for a GEN, NORM or AGG in tables and figures that rank them: `configuration`, the one configuration with the
    best mean rank over all FMs and tasks, as in the paper; or `best_companions`, on each FM and task the configuration
    that is best there."""
    nc1_split: Literal["train", "test"] | None = None
    """On which embeddings tables and figures of this experiment show NC1: `train`, the default, or `test`, as the paper does for
    ImageNet. Where it is not set, cells of the experiments under `also` are shown with theirs."""
    figures: tuple[FigureName, ...] = ()
    """Figures to draw of this experiment."""
    also: tuple[str, ...] = ()
    """Other experiments, whose grids the tables and figures of this one show too."""
    cell: Cell = Cell()
    """Which cell the figures of one FM and task show: tsne, confusion, gallery and training_images."""
    tables: tuple[TableName, ...] = ()
    """Tables to write of this experiment."""

    @property
    def all_extra_scores(self) -> tuple[str, ...]:
        """The further columns, with that of the validation part where it is needed."""
        if self.select_on == ON_VALIDATION:
            return (VALIDATION, *self.extra_scores)
        return self.extra_scores

    @property
    def has_grid(self) -> bool:
        """Whether it has cells of its own; else it only shows those of others."""
        return bool(self.gen or self.presets)
