"""Checks of experiments: names, grids, and what their cells need of FMs and datasets."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from imprint.method.configuration import BY_DISTANCE, UNIT_LENGTH, Auto
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.generate.registry import missing_package
from imprint.method.presets import PRESETS
from imprint.registry import unknown
from imprint.report.figures import FIGURES
from imprint.study.checks.sections import Sections, check_names
from imprint.study.config import EmbeddingsFM, Experiment
from imprint.study.methods import configurations
from imprint.study.problems import Problem


def experiment_names(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """What an experiment names must exist and be named once."""
    names = sections.names
    others = set(names["experiments"]) - {key.partition(".")[2]}
    yield from check_names(f"{key}.fms", "fm", experiment.fms, names["fms"])
    yield from check_names(f"{key}.tasks", "task", experiment.tasks, names["tasks"])
    yield from check_names(f"{key}.also", "experiment", experiment.also, others)
    for kind in ("preset", "figure", "table"):
        chosen = getattr(experiment, f"{kind}s")
        yield from check_names(f"{key}.{kind}s", kind, chosen, chosen)


def grid(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """An experiment has cells of its own, or shows those of others."""
    if experiment.has_grid:
        return
    if not experiment.also:
        message = (
            "the grid is empty; give gen (a list of generators with their k), presets, or both"
        )
        yield Problem(key, message)
        return
    message = "it is of the experiment's own grid, which is empty; ask for it where the grid is"
    if experiment.save_heads:
        yield Problem(f"{key}.save_heads", message)
    for i, name in enumerate(experiment.figures):
        if FIGURES[name].shows_one_task:
            yield Problem(f"{key}.figures[{i}]", message)


def number_of_proxies(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Each GEN has a k if it takes one, and none otherwise."""
    for i, grid in enumerate(experiment.gen):
        gen, place = GENERATORS[grid.name], f"{key}.gen[{i}].k"
        if gen.takes_k and grid.k is None:
            message = f"it is missing; {grid.name} needs the number of proxies per class"
            yield Problem(place, message)
        if grid.k and Auto.label in grid.k and not gen.chooses_k:
            yield Problem(place, f"{grid.name} cannot choose k; give numbers")
        if grid.k and not gen.takes_k:
            yield Problem(place, f"{grid.name} has no choice of k; remove it")


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
        place = f"{key}.agg[{i}]"
        if grid.votes and grid.m is None:
            yield Problem(f"{place}.m", "it is missing; mnn needs the number of neighbours")
        if not grid.votes:
            for name in ("m", "weighting"):
                if getattr(grid, name) is not None:
                    message = f"only mnn has {name}; remove it, or use mnn"
                    yield Problem(f"{place}.{name}", message)
        elif BY_DISTANCE in (grid.weighting or ()):
            for name in grid.distance or ():
                if not DISTANCES[name].weighs_votes:
                    message = f"votes cannot be weighted by {name}: it is no distance"
                    yield Problem(f"{place}.weighting", message)


def norms(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Some NORMpre and NORMinf can be combined."""
    only_unit_length = set(experiment.norm_pre) == {UNIT_LENGTH}
    if experiment.gen and only_unit_length and UNIT_LENGTH not in experiment.norm_inf:
        message = "the grid is empty: norm_pre l2 is combined with norm_inf l2 only"
        yield Problem(f"{key}.norm_inf", message)


def embeddings(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """Every FM has embeddings of every dataset of the tasks, from images or from files."""
    tasks = sections.tasks_of(experiment).values()
    datasets = dict.fromkeys(name for task in tasks for name in task.datasets)
    for fm_name, fm in sections.fms_of(experiment).items():
        for name in datasets:
            dataset = sections.datasets.get(name)
            if isinstance(fm, EmbeddingsFM) and name not in fm.files:
                message = f"it has none for dataset '{name}', which {key} uses"
                yield Problem(f"fms.{fm_name}.files", message)
            if fm.embeds_images and dataset is not None and not dataset.has_images:
                message = (
                    f"FM '{fm_name}' cannot embed dataset '{name}', which has no images; "
                    "name fms and tasks"
                )
                yield Problem(key, message)


def ridges(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The FMs have a ridge for the GENs that need one."""
    gens = {grid.name for grid in experiment.gen}
    gens |= {PRESETS[name].configuration.gen for name in experiment.presets}
    for gen in sorted(name for name in gens if GENERATORS[name].needs_ridge):
        for name, fm in sections.fms_of(experiment).items():
            if fm.ridge is None:
                message = f"it is missing; GEN {gen} in {key} needs it"
                yield Problem(f"fms.{name}.ls_lambda", message)


def shown_cell(key: str, experiment: Experiment, sections: Sections) -> Iterator[Problem]:
    """The cell that figures show is one of the experiment's."""
    key, cell = f"{key}.cell", experiment.cell
    draws: dict[str, int] = {}
    for name in experiment.tasks or sections.tasks:
        task = sections.tasks.get(name)
        draws |= {name: 1} if task is None else task.draw_counts(name)
    choices = {
        "fm": (cell.fm, experiment.fms or sections.fms),
        "task": (cell.task, draws),
        "shots": (cell.shots, experiment.shots),
    }
    for name, (value, known) in choices.items():
        if value is not None and value not in known:
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
