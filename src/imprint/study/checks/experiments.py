"""Checks of experiments: names, grids, and what their cells need of FMs and datasets."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

from imprint.method.aggregations import AGGREGATIONS
from imprint.method.configuration import UNIFORM, Auto
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.generate.registry import missing_package
from imprint.method.normalize import are_combined, chain, learns, norms_problem
from imprint.method.score_names import ON_TEST, ON_VALIDATION
from imprint.method.weightings import find_weighting
from imprint.registry import unknown
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.store.given_embeddings import CLASSIFIER, names_in
from imprint.study.checks.names import check_names
from imprint.study.config.experiments import Experiment
from imprint.study.config.fms import EmbeddingsFM
from imprint.study.methods import configurations
from imprint.study.problems import Problem
from imprint.study.sections import Sections

NOT_COMBINED = "norm_pre l2 is combined with norm_inf l2 only"

# rules of the workflow, without those of figures and tables; tests/study/test_rules.py compares them with the workflow
RULES = (
    "adopt all collapse collapses dataset download embed embed_shard evaluate experiment_report explorer fms head "
    "predictions pretrain proxies report samples scores study summary tsne weights workflow_report"
)


def experiment_names(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The names in an experiment must exist and be given once."""
    names = sections.names
    yield from check_names(f"{key}.fms", "fm", experiment.fms, names["fms"])
    yield from check_names(f"{key}.tasks", "task", experiment.tasks, names["tasks"])
    yield from check_names(f"{key}.also", "experiment", experiment.also, names["experiments"])
    if key.partition(".")[2] in experiment.also:
        yield Problem(f"{key}.also", "an experiment shows its own cells without being named here")
    yield from check_names(f"{key}.shots", "shots", map(str, experiment.shots))
    for kind in ("preset", "figure", "table"):
        yield from check_names(f"{key}.{kind}s", kind, getattr(experiment, f"{kind}s"))


def target(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """`snakemake NAME` runs an experiment, so its name must not be that of a rule."""
    name = key.partition(".")[2]
    figures, tables = [f"figure_{figure}" for figure in FIGURES], [f"table_{t}" for t in TABLES]
    if name in (*RULES.split(), *figures, *tables):
        message = (
            f"'snakemake {name}' runs a rule of the workflow; give the experiment another name"
        )
        yield Problem(key, message)


def grid(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """An experiment has cells of its own, or shows those of others that have some."""
    for i, name in enumerate(experiment.also):
        other = sections.experiments.get(name)
        if other is not None and other.also and not other.has_grid:
            message = (
                f"'{name}' only shows cells of others; name these here: {', '.join(other.also)}"
            )
            yield Problem(f"{key}.also[{i}]", message)
    if experiment.has_grid:
        return
    if not experiment.also:
        message = (
            "the grid is empty; give gen (a list of generators with their k), presets, or both"
        )
        yield Problem(key, message)
        return
    message = (
        "it needs the experiment's own grid, which is empty; set it in the experiment with the grid"
    )
    if experiment.save_heads:
        yield Problem(f"{key}.save_heads", message)
    for i, name in enumerate(experiment.figures):
        if FIGURES[name].shows_one_task:
            yield Problem(f"{key}.figures[{i}]", message)


def saved_heads(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Heads are saved for tasks that are not of families."""
    tasks = sections.tasks_of(experiment).values()
    if experiment.save_heads and tasks and all(task.family for task in tasks):
        message = "its tasks are all of families, whose heads are not saved; add another task, or remove it"
        yield Problem(f"{key}.save_heads", message)


def held_out_samples(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Choosing on held-out training samples needs some to hold out."""
    if experiment.select_on == ON_VALIDATION and 1 in experiment.shots:
        message = (
            f"{ON_VALIDATION} holds out training samples, and with shots 1 none is left for training; "
            f"take 1 out of shots, or choose on {ON_TEST}"
        )
        yield Problem(f"{key}.select_on", message)


def number_of_proxies(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Each GEN has a k if it takes one, and none otherwise."""
    for i, grid in enumerate(experiment.gen):
        gen, k_key = GENERATORS[grid.name], f"{key}.gen[{i}].k"
        yield from check_names(k_key, "k", map(str, grid.k or ()))
        if gen.takes_k and grid.k is None:
            message = f"it is missing; {grid.name} needs the number of proxies per class"
            yield Problem(k_key, message)
        if grid.k and Auto.label in grid.k and not gen.chooses_k:
            yield Problem(k_key, f"{grid.name} cannot choose k; give numbers")
        if grid.k and not gen.takes_k:
            yield Problem(k_key, f"{grid.name} has no choice of k; remove it")


def usable_proxies(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The proxies of each GEN can be used in some cell."""
    present = {method.gen for method in configurations(experiment)}
    for i, grid in enumerate(experiment.gen):
        entry = GENERATORS[grid.name]
        if grid.name in present or not (entry.has_bias or entry.needs_unit_length):
            continue
        needs = "norm_post none and agg max with inner_product"
        if entry.needs_unit_length:
            needs += ", norm_pre l2 and norm_inf l2"
        yield Problem(f"{key}.gen[{i}]", f"{grid.name} is in no cell: it needs {needs}")


def packages(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The packages that GENs need are installed."""
    for i, grid in enumerate(experiment.gen):
        package = GENERATORS[grid.name].requires
        if package and importlib.util.find_spec(package) is None:
            yield Problem(f"{key}.gen[{i}].name", missing_package(grid.name, package))


def aggregations(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """An AGG has the keys that it needs, and no others."""
    if experiment.gen and not experiment.agg:
        yield Problem(f"{key}.agg", "it is empty; leave it out for max with inner_product")
    for i, grid in enumerate(experiment.agg):
        agg_key = f"{key}.agg[{i}]"
        agg = AGGREGATIONS[grid.name]
        if agg.takes_m and grid.m is None:
            message = f"it is missing; {agg.name} needs the number of neighbours"
            yield Problem(f"{agg_key}.m", message)
        if not agg.takes_m and grid.m is not None:
            takers = " or ".join(AGGREGATIONS.names(takes_m=True))
            yield Problem(f"{agg_key}.m", f"only {takers} has m; remove it, or use {takers}")
        if not agg.takes_weighting and grid.weighting is not None:
            takers = " or ".join(AGGREGATIONS.names(takes_weighting=True))
            message = f"{agg.name} has no weighting; remove it, or use {takers}"
            yield Problem(f"{agg_key}.weighting", message)
        weightings = {find_weighting(text)[0].name for text in grid.weighting or ()}
        texts: dict[object, str] = {}
        for text in grid.weighting or ():
            if (same := texts.setdefault(find_weighting(text), text)) != text:
                yield Problem(f"{agg_key}.weighting", f"{text} is the same as {same}; remove one")
        only = agg.only_weighting
        if only is not None and not weightings <= {only}:
            message = f"{agg.name} weighs by {only}, such as {only}(0.05)"
            yield Problem(f"{agg_key}.weighting", message)
        if agg.takes_m and not weightings <= {UNIFORM}:
            for name in grid.distance or ():
                if not DISTANCES[name].weighs_votes:
                    message = f"votes cannot be weighted by {name}: it is no distance"
                    yield Problem(f"{agg_key}.weighting", message)


def norms(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The grid has combinations of NORMs, and each fitted NORM is in one."""
    if not experiment.gen:
        return
    pres, posts, infs = experiment.norm_pre, experiment.norm_post, experiment.norm_inf
    combinations = list(product(pres, posts, infs))
    cells = [norms for norms in combinations if are_combined(*norms)]
    if not cells and not learns(*pres, *posts, *infs):
        yield Problem(f"{key}.norm_inf", f"the grid is empty: {NOT_COMBINED}")
        return
    places = (("norm_pre", pres, 0), ("norm_post", posts, 1), ("norm_inf", infs, 2))
    for name, values, at in places:
        for value in values:
            if learns(value) and not any(norms[at] == value for norms in cells):
                reasons = (norms_problem(*norms) for norms in combinations if norms[at] == value)
                why = next(filter(None, reasons), NOT_COMBINED)
                yield Problem(f"{key}.{name}", f"{value} is in no cell: {why}")


def embeddings(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Every FM has embeddings of every dataset of the tasks, from images or from files."""
    tasks = sections.tasks_of(experiment).values()
    datasets = dict.fromkeys(name for task in tasks for name in task.datasets)
    for fm_name, fm in sections.fms_of(experiment).items():
        for name in datasets:
            dataset = sections.datasets.get(name)
            if isinstance(fm, EmbeddingsFM) and name not in fm.files:
                message = f"there is none for dataset '{name}', which {key} uses"
                yield Problem(f"fms.{fm_name}.files", message)
            if fm.embeds_images and dataset is not None and not dataset.has_images:
                message = (
                    f"FM '{fm_name}' cannot embed dataset '{name}', which has no images; "
                    "set fms and tasks to those that fit"
                )
                yield Problem(key, message)


def fm_classifiers(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Given embeddings have the weights of the FM's own classifier if a NORM needs them."""
    needing = [norm for norm in experiment.norm_post if chain(norm).needs_fm_classifier]
    if not experiment.gen or not needing:
        return
    first = dict.fromkeys(task.datasets[0] for task in sections.tasks_of(experiment).values())
    for name, fm in sections.fms_of(experiment).items():
        if not isinstance(fm, EmbeddingsFM):
            continue
        for dataset in fm.files.keys() & first:
            file = fm.file(dataset, "train")
            with suppress(Exception):  # a file that cannot be read stops its own job alone
                if CLASSIFIER not in names_in(Path(file), "train"):
                    message = (
                        f"{needing[0]} needs the weights of the FM's own classifier, and {file} of FM '{name}' has no "
                        f"'{CLASSIFIER}' (C, D); add them, or use quantile_pooled"
                    )
                    yield Problem(f"{key}.norm_post", message)


def shown_cell(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The cell that figures show is one of the experiment's."""
    key, cell = f"{key}.cell", experiment.cell
    draws: dict[str, int] = {}
    names = sections.names  # unknown names are reported by `experiment_names`
    for name in experiment.tasks or names["tasks"]:
        task = sections.tasks.get(name)
        if task is not None:
            draws |= task.draw_counts(name)
        elif name in names["tasks"]:
            draws[name] = 1
    fms = [name for name in experiment.fms or names["fms"] if name in names["fms"]]
    seeds = experiment.seeds or sections.seeds
    mistaken = set(experiment.fms or ()) - set(fms), set(experiment.tasks or ()) - {*names["tasks"]}
    choices = {
        "fm": (cell.fm, fms, mistaken[0] and cell.fm in names["fms"]),
        "task": (cell.task, draws, mistaken[1] and cell.task in names["tasks"]),
        "shots": (cell.shots, experiment.shots, False),
        "seed": (cell.seed, seeds, not seeds),
    }
    for name, (value, known, is_meant) in choices.items():
        if value is not None and value not in known and not is_meant:
            yield Problem(f"{key}.{name}", unknown(f"{name} of the experiment", value, known))
    fewest = min(draws.values(), default=1)
    count = draws.get(cell.task, fewest) if cell.task else fewest
    if cell.draw >= count:
        message = f"there is no draw {cell.draw}; they are counted from 0, and there are {count}"
        yield Problem(f"{key}.draw", message)
    methods = configurations(experiment)
    if methods and not any(map(cell.fits, methods)):
        text = ", ".join(f"{name} {value}" for name, value in cell.method.items())
        yield Problem(key, f"the experiment has no method with {text}")
