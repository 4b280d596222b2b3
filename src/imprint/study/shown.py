"""The cell that an experiment's figures of one FM and task show."""

from __future__ import annotations

from typing import Any

from imprint.method.configuration import Configuration
from imprint.study import selections
from imprint.study.grid import Group, Study


def groups(study: Study, name: str) -> list[Group]:
    """The groups that an experiment's figures of one FM and task show."""
    cell = study.config.experiments[name].cell
    shots = str(cell.shots or selections.most_shots(study, name))
    fitting = [
        group
        for group in study.experiment_groups(name)
        if group.shots == shots and cell.fm in (None, group.fm) and cell.task in (None, group.task)
    ]
    plain = [group for group in fitting if study.tasks[group.task].d is None]
    return fitting if cell.task else plain or fitting


def group(study: Study, name: str, fm: str, task: str) -> Group:
    """The group that an experiment's figures of this FM and task show."""
    return next(group for group in groups(study, name) if group[:2] == (fm, task))


def methods(study: Study, name: str) -> list[Configuration]:
    """The methods that the shown cell may have."""
    cell = study.config.experiments[name].cell
    return [method for method in study.methods[name] if cell.fits(method)]


def gens(study: Study, name: str) -> list[str]:
    """The GENs whose proxy files the shown cell may need."""
    return list(dict.fromkeys(method.gen for method in methods(study, name)))


def cell(study: Study, name: str, fm: str, task: str) -> dict[str, Any]:
    """The spec of the job that chooses a cell: the rows of scores to choose from, and one draw of the task."""
    seed = study.config.experiments[name].cell.seed
    seeds = study.experiment_seeds(name) if seed is None else (seed,)
    return {
        "groups": [group(study, name, fm, task)],
        "configurations": selections.columns(methods(study, name)),
        "seeds": sorted(seeds),
        **selections.selecting(study, name),
        **samples(study, name, task),
    }


def samples(study: Study, name: str, task: str) -> dict[str, Any]:
    """The test samples that an experiment's figures of one FM and task show."""
    draw = study.config.experiments[name].cell.draw
    return {
        "draw": draw,
        "draw_groups": study.tasks[task].draws[draw],
        "datasets": study.tasks[task].datasets,
    }


def datasets_with_images(study: Study, fm: str, task: str) -> list[str]:
    """The datasets of a task whose images an FM embedded; none if its embeddings were given."""
    if not study.config.fms[fm].embeds_images:
        return []
    return [d for d in study.tasks[task].datasets if study.config.datasets[d].has_images]
