"""Checks of a study that need more than one of its keys: names that must exist, classes that datasets must have."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imprint.config.models import EmbeddingsDataset, EmbeddingsFM, Experiment, PretrainedFM, TaskConfig
from imprint.config.read import Parsed, Problem, unknown
from imprint.config.study import configurations
from imprint.data.imagenet import PLACE
from imprint.errors import UserError
from imprint.generate import GENERATORS, missing
from imprint.method import Configuration
from imprint.presets import PRESETS


def problems(
    parsed: Parsed, named: Mapping[str, Iterable[str]], figures: Iterable[str], tables: Iterable[str]
) -> list[Problem]:
    """All problems of a study beyond its form; `named` are all names given in each section, right or not.

    What is sound of an entry is checked even if the rest of it is not.
    """
    entries = {section: dict(valid) for section, valid in parsed.valid.items()}
    for (section, name), (rest, _) in parsed.partial.items():
        entries[section][name] = rest
    found = []
    for name, fm in entries["fms"].items():
        found += _fm(f"fms.{name}", fm, entries["datasets"], named["datasets"])
    counts = {}
    for name, dataset in entries["datasets"].items():
        counts[name], problems_of = _dataset(f"datasets.{name}", dataset, name)
        found += problems_of
    given = [name for name, entry in entries["datasets"].items() if isinstance(entry, EmbeddingsDataset)]
    uncounted = [name for name in given if counts[name] is None]
    for name, task in entries["tasks"].items():
        found += _task(f"tasks.{name}", task, counts, uncounted, named["datasets"])
    found += _clashes(entries["tasks"])
    for name, experiment in entries["experiments"].items():
        found += _experiment(f"experiments.{name}", experiment, entries, named, figures, tables)
    unsure = [
        place
        for (section, name), (_, left_out) in parsed.partial.items()
        for place in (f"{section}.{name}", *(f"{section}.{name}.{key}" for key in left_out))
    ]
    return [problem for problem in dict.fromkeys(found) if problem[0] not in unsure]


def _clashes(tasks: Mapping[str, TaskConfig]) -> list[Problem]:
    """Task names that a family also makes."""
    made = {f"{name}-d{d}": name for name, task in tasks.items() if task.family for d in task.family.d}
    return [
        (f"tasks.{name}", f"the family '{made[name]}' makes a task of this name; give it another")
        for name in tasks
        if name in made
    ]


def _fm(path: str, fm: Any, datasets: Mapping[str, Any], known: Iterable[str]) -> list[Problem]:
    if isinstance(fm, PretrainedFM):
        if fm.dataset not in known:
            return [(f"{path}.dataset", unknown("dataset", fm.dataset, known))]
        if fm.dataset in datasets and not hasattr(datasets[fm.dataset], "pretrain"):
            return [
                (
                    f"{path}.dataset",
                    f"'{fm.dataset}' has no split 'pretrain'; a dataset of source glyphs has one",
                )
            ]
        return []
    if isinstance(fm, EmbeddingsFM):
        found = [
            (f"{path}.files.{name}", unknown("dataset", name, known))
            for name in fm.files
            if name not in known
        ]
        for name, file in fm.files.items():
            absent = [
                f
                for f in dict.fromkeys(file.replace("{split}", s) for s in ("train", "test"))
                if not Path(f).is_file()
            ]
            found += [(f"{path}.files.{name}", f"there is no file {f}") for f in absent]
        return found
    if fm.checkpoint and not Path(fm.checkpoint).is_file():
        return [
            (
                f"{path}.checkpoint",
                f"there is no file {fm.checkpoint}; give a .safetensors or .pth file of weights",
            )
        ]
    return []


def _dataset(path: str, dataset: Any, name: str) -> tuple[int | None, list[Problem]]:
    """The number of classes, as far as it is known, and the problems."""
    if isinstance(dataset, EmbeddingsDataset):
        return dataset.class_count, []
    place = getattr(dataset, "path", None)
    if place is not None and not Path(place).exists():
        return None, [(f"{path}.path", f"there is no {place}; give the folder, or the table, of your images")]
    if getattr(dataset, "name", "") == "ImageNet" and dataset.root is None:
        return None, [(f"{path}.root", f"ImageNet cannot be downloaded; {PLACE}")]
    try:
        count = dataset.class_count
    except UserError as error:
        return None, [(f"{path}.name", str(error))]
    listed = None if dataset.classes == "needed" else dataset.classes
    return count, _in_range(f"{path}.classes", listed, count, name)


def _in_range(path: str, classes: Iterable[int] | None, count: int | None, owner: str) -> list[Problem]:
    found = []
    listed = list(classes or ())
    if classes is not None and not listed:
        found.append((path, "it is empty; leave it out for all classes"))
    for i, c in enumerate(listed):
        if count is not None and c >= count:
            found.append(
                (f"{path}[{i}]", f"there is no class {c}; '{owner}' has the classes 0 to {count - 1}")
            )
        elif c in listed[:i]:
            found.append((f"{path}[{i}]", f"class {c} is given twice"))
    return found


def _task(
    path: str,
    task: TaskConfig,
    class_counts: Mapping[str, int | None],
    uncounted: Iterable[str],
    known: Iterable[str],
) -> list[Problem]:
    found = []
    for i, name in enumerate(task.datasets):
        if name not in known:
            found.append((f"{path}.datasets[{i}]", unknown("dataset", name, known)))
        elif name in task.datasets[:i]:
            found.append((f"{path}.datasets[{i}]", f"dataset '{name}' is given twice"))
    ways = [key for key in ("classes", "label_map", "family") if getattr(task, key) is not None]
    if len(ways) > 1:
        found.append((path, f"{' and '.join(ways)} exclude each other; give one of them"))
    counts = [class_counts.get(name) for name in task.datasets]
    count = None if None in counts else sum(counts)
    owner = " + ".join(task.datasets)
    found += _in_range(f"{path}.classes", task.classes, count, owner)
    if task.classes is not None and len(task.classes) == 1:
        found.append((f"{path}.classes", "one class leaves nothing to tell apart; give two or more"))
    if task.label_map is not None:
        if not task.label_map:
            found.append((f"{path}.label_map", "it is empty; leave it out to keep the classes as they are"))
        for old in task.label_map:
            found += [(f"{path}.label_map", text) for _, text in _in_range("", [old], count, owner)]
        new = set(task.label_map.values())
        if new != set(range(len(new))):
            found.append((f"{path}.label_map", "the new classes must be 0, 1, 2, ... without a gap"))
    if task.family is not None:
        family = task.family
        if len(set(family.d)) < len(family.d):
            found.append((f"{path}.family.d", "a value is given twice"))
        have = family.sample or count
        found += [
            (
                f"{path}.family",
                f"how many classes '{name}' has is not known, so none can be drawn; give its class_count",
            )
            for name in task.datasets
            if name in uncounted
        ]
        if count is not None and family.sample and family.sample > count:
            found.append(
                (f"{path}.family.sample", f"{family.sample} classes asked for, '{owner}' has {count}")
            )
        elif have is not None and family.classes * max(family.d) > have:
            found.append(
                (
                    f"{path}.family.d",
                    f"{family.classes} new classes of {max(family.d)} original ones need "
                    f"{family.classes * max(family.d)} classes; there are {have}",
                )
            )
    return found


def _names(path: str, kind: str, given: Iterable[str] | None, known: Iterable[str]) -> list[Problem]:
    found, given, known = [], list(given or ()), list(known)
    for i, name in enumerate(given):
        if name not in known:
            found.append((f"{path}[{i}]", unknown(kind, name, known)))
        elif name in given[:i]:
            found.append((f"{path}[{i}]", f"{kind} '{name}' is given twice"))
    return found


def _experiment(
    path: str,
    experiment: Experiment,
    entries: Mapping[str, Mapping[str, Any]],
    named: Mapping[str, Iterable[str]],
    figures: Iterable[str],
    tables: Iterable[str],
) -> list[Problem]:
    found = _names(f"{path}.fms", "fm", experiment.fms, named["fms"])
    found += _names(f"{path}.tasks", "task", experiment.tasks, named["tasks"])
    found += _names(f"{path}.presets", "preset", experiment.presets, PRESETS)
    found += _names(f"{path}.figures", "figure", experiment.figures, figures)
    found += _names(f"{path}.tables", "table", experiment.tables, tables)
    found += _names(
        f"{path}.also", "experiment", experiment.also, set(named["experiments"]) - {path.split(".", 1)[1]}
    )
    if not experiment.gen and not experiment.presets and not experiment.also:
        found.append(
            (path, "the grid is empty; give gen (a list of generators with their k), presets, or both")
        )
    if experiment.also and not experiment.gen and not experiment.presets:
        found += _only_shows(path, experiment)
    for i, grid in enumerate(experiment.gen):
        if GENERATORS[grid.name].takes_k and grid.k is None:
            found.append(
                (f"{path}.gen[{i}].k", f"it is missing; {grid.name} needs the number of proxies per class")
            )
        if GENERATORS[grid.name].sees_all_classes and "auto" in (grid.k or ()):
            found.append((f"{path}.gen[{i}].k", f"{grid.name} cannot choose k; give numbers"))
        if not GENERATORS[grid.name].takes_k and grid.k is not None:
            found.append((f"{path}.gen[{i}].k", f"{grid.name} has no choice of k; remove it"))
    for i, grid in enumerate(experiment.agg):
        place = f"{path}.agg[{i}]"
        if grid.name == "max":
            for key in ("m", "weighting"):
                if getattr(grid, key) is not None:
                    found.append((f"{place}.{key}", f"only mnn has {key}; remove it, or use mnn"))
        else:
            if grid.m is None:
                found.append((f"{place}.m", "it is missing; mnn needs the number of neighbours"))
            if "distance" in (grid.weighting or ()) and "inner_product" in (grid.distance or ()):
                found.append(
                    (f"{place}.weighting", "votes cannot be weighted by inner_product: it is no distance")
                )
    if experiment.gen and not experiment.agg:
        found.append((f"{path}.agg", "it is empty; leave it out for max with inner_product"))
    if experiment.gen and experiment.norm_pre == ("l2",) and experiment.norm_inf == ("none",):
        found.append((f"{path}.norm_inf", "the grid is empty: norm_pre l2 is combined with norm_inf l2 only"))
    found += _embeddings(path, experiment, entries)
    found += _cell(f"{path}.cell", experiment, entries)
    used = {grid.name for grid in experiment.gen} | {
        PRESETS[p].configuration.gen for p in experiment.presets if p in PRESETS
    }
    for i, grid in enumerate(experiment.gen):
        package = GENERATORS[grid.name].requires
        if package and importlib.util.find_spec(package) is None:
            found.append((f"{path}.gen[{i}].name", missing(grid.name, package)))
    for gen in sorted(g for g in used if GENERATORS[g].sees_all_classes):
        for name in experiment.fms or entries["fms"]:
            fm = entries["fms"].get(name)
            if fm is not None and fm.ridge is None:
                found.append((f"fms.{name}.ls_lambda", f"it is missing; GEN {gen} in {path} needs it"))
    return found


def _only_shows(path: str, experiment: Experiment) -> list[Problem]:
    """What an experiment without a grid of its own cannot have."""
    from imprint.plots import FIGURES

    needs = "it is of the experiment's own grid, which is empty; ask for it where the grid is"
    found = [(f"{path}.save_heads", needs)] if experiment.save_heads else []
    return found + [
        (f"{path}.figures[{i}]", needs)
        for i, name in enumerate(experiment.figures)
        if name in FIGURES and FIGURES[name].data != "scores"
    ]


def _cell(path: str, experiment: Experiment, entries: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """The cell that figures show must be one of the experiment's."""
    found, cell = [], experiment.cell
    fms, draws = list(experiment.fms or entries["fms"]), {}
    for name in experiment.tasks or entries["tasks"]:
        family = getattr(entries["tasks"].get(name), "family", None)
        draws |= {f"{name}-d{d}": family.draws for d in family.d} if family else {name: 1}
    for key, known in (("fm", fms), ("task", draws), ("shots", experiment.shots)):
        value = getattr(cell, key)
        if value is not None and value not in known:
            found.append((f"{path}.{key}", unknown(f"{key} of the experiment", value, map(str, known))))
    most = draws.get(cell.task, min(draws.values(), default=1))
    if cell.draw >= most:
        found.append(
            (f"{path}.draw", f"there is no draw {cell.draw}; they are counted from 0, and there are {most}")
        )
    if all(name in PRESETS for name in experiment.presets):
        methods = configurations(experiment)
        if methods and not any(map(cell.fits, methods)):
            given = {name: getattr(cell, name) for name in Configuration._fields}
            text = ", ".join(f"{name} {value}" for name, value in given.items() if value is not None)
            found.append((path, f"the experiment has no method with {text}"))
    return found


def _embeddings(path: str, experiment: Experiment, entries: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """Every FM must have embeddings of every dataset of the tasks: computed from images, or given."""
    found = []
    for name in experiment.fms or entries["fms"]:
        fm = entries["fms"].get(name)
        for task in experiment.tasks or entries["tasks"]:
            for dataset in getattr(entries["tasks"].get(task), "datasets", ()):
                given = isinstance(fm, EmbeddingsFM)
                if given and dataset not in fm.files:
                    found.append(
                        (f"fms.{name}.files", f"it has none for dataset '{dataset}', which {path} uses")
                    )
                imageless = isinstance(entries["datasets"].get(dataset), EmbeddingsDataset)
                if imageless and fm is not None and not given:
                    found.append(
                        (
                            path,
                            f"FM '{name}' cannot embed dataset '{dataset}', which has no images; name fms and tasks",
                        )
                    )
    return list(dict.fromkeys(found))
