"""The parts of an experiment: its rows of the results, its groups, its heads and its settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imprint.data import shots
from imprint.method.configuration import Configuration
from imprint.method.score_names import ON_VALIDATION, TRAINING_SPLIT
from imprint.study.grid import Group, Study
from imprint.study.methods import sort_key
from imprint.study.papers_pairs import has_papers_pairs


def selection(study: Study, name: str) -> list[dict[str, Any]]:
    """Which rows of scores.parquet and collapse.parquet belong to an experiment.

    First those of its own grid, then those of the experiments under `also`.
    """
    experiments = study.config.experiments
    grids = []
    for other in (name, *experiments[name].also):
        split = experiments[name].nc1_split or experiments[other].nc1_split or TRAINING_SPLIT
        grid = grid_of(study, other, study.experiment_groups(other))
        grids.append({**grid, "nc1_split": split})
    return grids


def grid_of(study: Study, name: str, groups: Iterable[Group]) -> dict[str, Any]:
    """Which rows of these groups belong to an experiment's own grid."""
    return {
        "groups": sorted(groups),
        "configurations": columns(study.methods[name]),
        "seeds": sorted(study.experiment_seeds(name)),
        **selecting(study, name),
    }


def selecting(study: Study, name: str) -> dict[str, str]:
    """The data on which an experiment chooses its best; empty for the test data."""
    chosen_on = study.config.experiments[name].select_on
    return {"select_on": chosen_on} if chosen_on == ON_VALIDATION else {}


def columns(methods: Iterable[Configuration]) -> list[dict[str, str | int | None]]:
    """Methods as the columns of scores.parquet that select them, in their order."""
    return [configuration.as_dict() for configuration in sorted(methods, key=sort_key)]


def groups_with_also(study: Study, name: str) -> list[Group]:
    """The groups whose rows belong to an experiment, with those under `also`, in the order of the study."""
    names = {name, *study.config.experiments[name].also}
    return [group for group in study.groups if names & set(study.experiments_of[group])]


def groups_with_heads(study: Study, name: str) -> list[Group]:
    """The groups whose heads an experiment saves: those with its most shots, without families."""
    if not study.config.experiments[name].save_heads:
        return []
    most = most_shots(study, name)
    return [
        group
        for group in study.experiment_groups(name)
        if group.shots == most and study.tasks[group.task].d is None
    ]


def most_shots(study: Study, name: str) -> str:
    """The most shots of an experiment; `full` is the most."""
    return shots.most_shots(map(str, study.config.experiments[name].shots))


def settings(study: Study, name: str, names: Iterable[str]) -> dict[str, Any]:
    """The settings of an experiment with these names, which some tables and figures take.

    rank_by: see `Experiment`. of_paper: whether published accuracies can be compared with those of the experiment.
    """
    values = {
        "rank_by": study.config.experiments[name].rank_by,
        "of_paper": has_papers_pairs(study, name),
    }
    return {key: values[key] for key in names}
