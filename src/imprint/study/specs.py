"""The specification of each job, ready for JSON: all that its output depends on, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imprint.fm.registry import POOLED
from imprint.method.configuration import Configuration
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.normalize import chain
from imprint.method.score_names import ON_VALIDATION, TRAINING_SPLIT
from imprint.method.weightings import find_weighting
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.store.files import canonical
from imprint.study.grid import Group, Study
from imprint.study.methods import sort_key
from imprint.study.papers_pairs import has_papers_pairs
from imprint.study.tasks import total


def subset(study: Study, dataset: str) -> dict[str, Any]:
    """What of a dataset is embedded."""
    entry = study.config.datasets[dataset]
    spec = entry.model_dump(mode="json", include=set(entry.subset_keys))
    if spec.get("classes") == "needed":
        spec["classes"] = _classes_needed(study, dataset)
    return spec


def _classes_needed(study: Study, dataset: str) -> list[int] | None:
    """The classes of a dataset that the tasks use; None if one of them uses all, or cannot tell."""
    counts = {name: entry.class_count for name, entry in study.config.datasets.items()}
    needed: set[int] = set()
    for name in dict.fromkeys(group.task for group in study.groups):
        task = study.tasks[name]
        if dataset not in task.datasets:
            continue
        before = task.datasets[: task.datasets.index(dataset)]
        offset, count = total(counts[other] for other in before), counts[dataset]
        if offset is None or count is None:
            return None
        for draw in task.draws:
            if draw is None:
                return None
            used = {original - offset for originals in draw for original in originals}
            needed |= {label for label in used if 0 <= label < count}
    return sorted(needed)


def weights(study: Study, fm: str) -> dict[str, Any]:
    """Which published weights an FM has."""
    return study.config.fms[fm].model_dump(mode="json", include={"source", "model", "weights"})


def pretraining(study: Study, fm: str) -> dict[str, Any]:
    """How an FM is pre-trained."""
    fields = {"model", "epochs", "seed", "weight_decay"}
    return study.config.fms[fm].model_dump(mode="json", include=fields)


def embedding(study: Study, fm: str) -> dict[str, Any]:
    """How an FM embeds."""
    other = {"ls_lambda", "checkpoint", "epochs", "seed", "weight_decay", "dataset", "files"}
    spec = study.config.fms[fm].model_dump(mode="json", exclude={*other, "shards"})
    if spec.get("pooling") == POOLED:  # as before there was a choice
        del spec["pooling"]
    return spec


def proxies(study: Study, group: Group, gen: str) -> dict[str, Any]:
    """The job of one proxy file: its k, each with its NORMpre and their seeds."""
    # one set for all seeds where they change nothing: then a new seed is no reason to run the job again
    entry = GENERATORS.find(gen)
    seeded = entry.seeded or group.shots != "full"
    spec = {
        **study.tasks[group.task].spec(),
        "shots": group.shots,
        "gen": gen,
        "seeds": {
            k: {norm: sorted(seeds) if seeded else [None] for norm, seeds in sorted(norms.items())}
            for k, norms in sorted(study.proxy_seeds(group).get(gen, {}).items())
        },
    }
    if entry.needs_ridge:
        spec["ls_lambda"] = study.config.fms[group.fm].ridge
    return spec


def evaluation(study: Study, group: Group, agg: str) -> dict[str, Any]:
    """The job of one score file: its configurations with their seeds."""
    experiments = [study.config.experiments[name] for name in study.experiments_of(group)]
    spec = {
        **study.tasks[group.task].spec(),
        "datasets": study.tasks[group.task].datasets,
        "fm": group.fm,
        "shots": group.shots,
        "cells": [
            {**configuration.as_dict(), "seeds": list(seeds)}
            for configuration, seeds in study.cells(group).items()
            if configuration.scoring.agg == agg
        ],
    }
    if any(experiment.per_class for experiment in experiments):
        spec["per_class"] = True
    extra = {name for experiment in experiments for name in experiment.all_extra_scores}
    if extra:
        spec["extra_scores"] = sorted(extra)
        spec["ls_lambda"] = study.config.fms[group.fm].ridge
    return spec


def files_of_proxies(study: Study, group: Group, gen: str) -> tuple[str, ...]:
    """The user's files that decide a proxy file."""
    norms = {norm for norms in study.proxy_seeds(group).get(gen, {}).values() for norm in norms}
    return _files_of([gen], norms)


def files_of_evaluation(study: Study, group: Group, agg: str) -> tuple[str, ...]:
    """The user's files that decide a score file, beside those that decide its proxies."""
    return _files_of_scoring(c for c in study.cells(group) if c.scoring.agg == agg)


def files_of_shown(study: Study, name: str) -> tuple[str, ...]:
    """The user's files that decide how the shown cell of an experiment predicts."""
    return _files_of_scoring(shown_methods(study, name))


def components_of(study: Study, configurations: Iterable[Configuration]) -> list[str]:
    """The components to load for these configurations."""
    configurations = list(configurations)
    gens = {configuration.gen for configuration in configurations}
    return components(study, (*_files_of(gens, ()), *_files_of_scoring(configurations)))


def components(study: Study, files: Iterable[str]) -> list[str]:
    """Files of the user's components, as the study names them."""
    files = set(files)
    return [file for file in study.config.components if str(Path(file).resolve()) in files]


def _files_of_scoring(configurations: Iterable[Configuration]) -> tuple[str, ...]:
    norms, distances, weightings = set(), set(), set()
    for configuration in configurations:
        scoring = configuration.scoring
        norms |= {configuration.norm_pre, scoring.norm_post, scoring.norm_inf}
        distances.add(scoring.distance)
        if scoring.weighting is not None:
            weightings.add(scoring.weighting)
    return _files_of((), norms, distances, weightings)


def _files_of(
    gens: Iterable[str],
    norms: Iterable[str],
    distances: Iterable[str] = (),
    weightings: Iterable[str] = (),
) -> tuple[str, ...]:
    """The user's files that registered these components."""
    files = {GENERATORS.find(gen).file for gen in gens}
    files |= {DISTANCES.find(distance).file for distance in distances}
    files |= {find_weighting(weighting)[0].file for weighting in weightings}
    for norm in norms:
        files |= set(chain(norm).files)
    return tuple(sorted(file for file in files if file))


def collapse(study: Study, fm: str, task: str) -> dict[str, Any]:
    """The job of one collapse file."""
    return {**study.tasks[task].spec(), "fm": fm}


def selection(study: Study, name: str) -> list[dict[str, Any]]:
    """What rows of scores.parquet and collapse.parquet belong to an experiment.

    Its own grid, first, and those it shows `also`.
    """
    experiments = study.config.experiments
    grids = []
    for other in (name, *experiments[name].also):
        split = experiments[name].nc1_split or experiments[other].nc1_split or TRAINING_SPLIT
        grid = grid_of(study, other, study.experiment_groups(other))
        grids.append({**grid, "nc1_split": split})
    return grids


def groups_with_also(study: Study, name: str) -> list[Group]:
    """The groups whose rows belong to an experiment, its own and those it shows `also`, in the order of the study."""
    names = {name, *study.config.experiments[name].also}
    return [group for group in study.groups if names & set(study.experiments_of(group))]


def grid_of(study: Study, name: str, groups: Iterable[Group]) -> dict[str, Any]:
    """What rows of these groups belong to an experiment's own grid."""
    return {
        "groups": sorted(groups),
        "configurations": _columns(study.methods[name]),
        "seeds": sorted(study.experiment_seeds(name)),
        **_selecting(study, name),
    }


def settings(study: Study, name: str, names: Iterable[str]) -> dict[str, Any]:
    """Settings of an experiment that some tables and figures take, those of these names.

    rank_by: see `Experiment`. of_paper: whether published accuracies can stand beside those of the experiment.
    """
    every = {
        "rank_by": study.config.experiments[name].rank_by,
        "of_paper": has_papers_pairs(study, name),
    }
    return {key: every[key] for key in names}


def _selecting(study: Study, name: str) -> dict[str, str]:
    """On what an experiment chooses its best, where it is not the test data."""
    chosen_on = study.config.experiments[name].select_on
    return {"select_on": chosen_on} if chosen_on == ON_VALIDATION else {}


def _columns(methods: list[Configuration]) -> list[dict[str, str | int | None]]:
    return [configuration.as_dict() for configuration in sorted(methods, key=sort_key)]


def groups_with_heads(study: Study, name: str) -> list[Group]:
    """The groups whose heads an experiment saves: all samples, or the most shots it has; no families."""
    if not study.config.experiments[name].save_heads:
        return []
    most = _most_shots(study, name)
    return [
        group
        for group in study.experiment_groups(name)
        if group.shots == most and study.tasks[group.task].d is None
    ]


def _most_shots(study: Study, name: str) -> str:
    counts = [shots for shots in study.config.experiments[name].shots if shots != "full"]
    if len(counts) < len(study.config.experiments[name].shots):
        return "full"
    return str(max(counts))


# figures of one FM and task


def shown_groups(study: Study, name: str) -> list[Group]:
    """The groups that an experiment's figures of one FM and task show."""
    cell = study.config.experiments[name].cell
    shots = str(cell.shots or _most_shots(study, name))
    groups = [
        group
        for group in study.experiment_groups(name)
        if group.shots == shots and cell.fm in (None, group.fm) and cell.task in (None, group.task)
    ]
    plain = [group for group in groups if study.tasks[group.task].d is None]
    return groups if cell.task else plain or groups


def shown_group(study: Study, name: str, fm: str, task: str) -> Group:
    """The group that an experiment's figures of this FM and task show."""
    return next(group for group in shown_groups(study, name) if group[:2] == (fm, task))


def shown_methods(study: Study, name: str) -> list[Configuration]:
    """The methods that the shown cell may have."""
    cell = study.config.experiments[name].cell
    return [method for method in study.methods[name] if cell.fits(method)]


def shown_gens(study: Study, name: str) -> list[str]:
    """The GENs whose proxy files the shown cell may need."""
    return list(dict.fromkeys(method.gen for method in shown_methods(study, name)))


def shown_cell(study: Study, name: str, fm: str, task: str) -> dict[str, Any]:
    """The job that chooses a cell: the rows of scores to choose from, and one draw of the task."""
    cell = study.config.experiments[name].cell
    seeds = study.experiment_seeds(name) if cell.seed is None else (cell.seed,)
    return {
        "groups": [shown_group(study, name, fm, task)],
        "configurations": _columns(shown_methods(study, name)),
        "seeds": sorted(seeds),
        **_selecting(study, name),
        **shown_samples(study, name, task),
    }


def shown_samples(study: Study, name: str, task: str) -> dict[str, Any]:
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


# for the report


def page(study: Study, names: Iterable[str]) -> dict[str, Any]:
    """What the report shows of these experiments: see `imprint.report.page.build`."""
    sections = [_section(study, name) for name in names]
    shown = [section for section in sections if section["figures"] or section["tables"]]
    return {"title": study.config.title, "sections": shown}


def _section(study: Study, name: str) -> dict[str, Any]:
    experiment = study.config.experiments[name]
    # what captions of rankings ask for, as the rules of figures and tables have it
    chosen = {
        "settings": canonical(settings(study, name, ("rank_by", "of_paper"))),
        "selection": canonical(_selecting(study, name)),
    }
    figures = [
        {"name": figure, "title": FIGURES[figure].title, **picture, **chosen}
        for figure in experiment.figures
        for picture in pictures(study, name, figure)
    ]
    tables = [
        {
            "name": table,
            "title": TABLES[table].title,
            "leading": TABLES[table].leading,
            "beside": TABLES[table].beside or (table,),
            **chosen,
        }
        for table in experiment.tables
    ]
    return {
        "name": name,
        "title": experiment.title or in_words(name),
        "about": experiment.about,
        "figures": figures,
        "tables": tables,
    }


def in_words(name: str) -> str:
    """The name of an experiment as a heading: "few-shot" is "Few shot"."""
    words = re.sub(r"[-_]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def pictures(study: Study, name: str, figure: str) -> list[dict[str, str]]:
    """The FM and task of each picture of a figure; one picture without them shows the whole experiment."""
    if not FIGURES[figure].shows_one_task:
        return [{}]
    return [{"fm": group.fm, "task": group.task} for group in shown_groups(study, name)]


def overview(study: Study) -> dict[str, str | int]:
    """The study in a few words."""
    families = dict.fromkeys(study.tasks[group.task].family for group in study.groups)
    return {
        "runs": f"{study.runs():,}",
        "fms": ", ".join(study.config.fms),
        "tasks": ", ".join(families),
        "datasets": ", ".join(study.config.datasets),
        "seeds": len(study.config.seeds),
    }
