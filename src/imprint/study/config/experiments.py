"""The section `experiments`."""

from __future__ import annotations

from typing import Any, Literal

from imprint.analysis.component_rankings import BY_CONFIGURATION
from imprint.method.configuration import Configuration
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
    """Proxies per class, one value or several; `auto` chooses the number from the training samples of each task. Not for
    mean, all, ls, ridge, logistic and auto, which take no k."""


class AggGrid(Section):
    """One AGG with the distances, numbers of neighbours and weightings to try."""

    name: AggName
    """`max`: the class of the best proxy; `mnn`: the m nearest proxies vote; `logsumexp`: all proxies of a class count by
    exp(similarity / T); or one from a file of `components`."""
    distance: OneOrMore[DistanceName] | None = None
    """Distance or similarity to a proxy; euclidean by default for mnn, inner_product for the others."""
    m: OneOrMore[Positive] | None = None
    """Number of neighbours that vote; only for mnn, which requires it."""
    weighting: OneOrMore[Weighting] | None = None
    """Weight of a vote: 1 (`uniform`, the default of mnn), 1 / distance (`distance`), or exp(-distance / T)
    (`exponential(0.07)`). logsumexp takes only the last, max none."""


class Cell(Section):
    """The cell that the figures of one FM and task show (`tsne`, `confusion`, `gallery`; `training_images` shows no method).

    Without `fm` or `task`, each FM or task has its own figure. If several methods fit, the one with the best median accuracy
    is shown.
    """

    fm: Name | None = None
    """FM; all FMs of the experiment by default."""
    task: Name | None = None
    """Task; `<name>-d<d>` for a task of a family. By default all tasks of the experiment, those of families only
    if there are no others."""
    shots: Positive | Literal["full"] | None = None
    """Training samples per class; by default the most in the experiment."""
    draw: Count = 0
    """Number of the draw, for a task of a family; the first is 0."""
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
    """Distance or similarity to a proxy."""
    weighting: Weighting | None = None
    """Weight of a vote."""
    m: Positive | None = None
    """Number of neighbours that vote."""
    seed: Seed | None = None
    """Seed of the run; by default the one that reaches the median accuracy."""

    def fits(self, configuration: Configuration) -> bool:
        """Whether a method has all values that are set here."""
        fields = configuration.as_dict()
        return all(str(fields[name]) == str(value) for name, value in self.method.items())

    @property
    def method(self) -> dict[str, Any]:
        """The values of the method that are set here, by the names of `Configuration.as_dict`."""
        other = {"fm", "task", "shots", "draw", "seed"}
        return self.model_dump(exclude=other, exclude_none=True)


class Experiment(Section):
    """A named grid: every combination of its axes is a cell; cells shared with other experiments are computed once."""

    title: str | None = None
    """Heading in the report; by default the name, with spaces for hyphens."""
    about: str | None = None
    """The question of the experiment in one sentence, which the report shows below the heading."""
    fms: OneOrMore[Name] | None = None
    """FMs; all by default."""
    tasks: OneOrMore[Name] | None = None
    """Tasks or task families; all by default."""
    shots: OneOrMore[Positive | Literal["full"]] = ("full",)
    """Training samples per class, `full` for all of them."""
    seeds: Seeds | None = None
    """Seeds of this experiment; those of the study by default."""
    presets: tuple[PresetName, ...] = ()
    """Named methods: the published qi, hosoda, janson, westerhoff and oracle; whiten and auto; and the references
    ridge, probe, lda and knn."""
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
    """Whether to save the best head of each FM and task in results/heads, without probabilities; not for task families."""
    per_class: bool = False
    """Whether scores also hold the F1 of each class (column class_f1, in class order)."""
    extra_scores: tuple[ExtraScore, ...] = ()
    """Additional columns of scores: `validation_accuracy` on a held-out fifth of the training samples,
    `train_accuracy`, `top5_accuracy`, `log_loss` and `calibration_error` (expected calibration error, 15 bins) of a softmax
    whose temperature is fitted to the held-out samples. Each costs about as much as the scores."""
    select_on: SelectOn = ON_TEST
    """Data on which the best of several configurations is chosen, in tables, figures and saved heads: `validation`, the
    held-out fifth of the training samples, so that test data only score the choice; or `test`, which shows the best that
    could be reached. For rankings of GEN, NORM and AGG see also `rank_by`."""
    rank_by: RankBy = BY_CONFIGURATION
    """What represents a GEN, NORM or AGG in tables and figures that rank them: `configuration`, the one configuration with the
    best mean rank over all FMs and tasks, as in the paper; or `best_companions`, the best configuration on each FM
    and task."""
    nc1_split: Literal["train", "test"] | None = None
    """Split whose NC1 the tables and figures of this experiment show: `train`, the default, or `test`, as in the paper for
    ImageNet. If it is not set, cells of the experiments under `also` keep their own."""
    figures: tuple[FigureName, ...] = ()
    """Figures of this experiment."""
    also: tuple[str, ...] = ()
    """Other experiments whose cells the tables and figures of this one also show."""
    cell: Cell = Cell()
    """The cell that the figures of one FM and task show: tsne, confusion, gallery and training_images."""
    tables: tuple[TableName, ...] = ()
    """Tables of this experiment."""

    @property
    def all_extra_scores(self) -> tuple[str, ...]:
        """The additional columns, with the validation accuracy if `select_on` needs it."""
        if self.select_on == ON_VALIDATION:
            return (VALIDATION, *self.extra_scores)
        return self.extra_scores

    @property
    def has_grid(self) -> bool:
        """Whether it has cells of its own; otherwise it only shows those of others."""
        return bool(self.gen or self.presets)
