"""A study ready to run: its tasks resolved, its experiments expanded to cells, and what each job has to do."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from imprint.config.models import Experiment, StudyConfig
from imprint.config.tasks import Task, resolve
from imprint.generate import GENERATORS
from imprint.method import Configuration, k_name, k_of
from imprint.presets import PRESETS
from imprint.store import canonical

Group = tuple[str, str, str]  # fm, task, shots


def configurations(experiment: Experiment) -> list[Configuration]:
    """The distinct methods of an experiment: its presets and its grid."""
    found = dict.fromkeys(PRESETS[name].configuration for name in experiment.presets)
    for grid in experiment.gen:
        norms = product(experiment.norm_pre, experiment.norm_post, experiment.norm_inf)
        for (pre, post, inf), k in product(norms, grid.k or (default_k(grid.name),)):
            k = None if k == "auto" else k
            if pre == "l2" and inf != "l2":
                continue
            for agg in experiment.agg:
                for distance, weighting, m in product(
                    agg.distance or ("inner_product" if agg.name == "max" else "euclidean",),
                    (agg.weighting or ("uniform",)) if agg.name == "mnn" else (None,),
                    agg.m or (None,),
                ):
                    found[Configuration(pre, grid.name, k, post, inf, agg.name, distance, weighting, m)] = (
                        None
                    )
    return list(found)


def default_k(gen: str) -> int | None:
    """k of a GEN that leaves no choice: one proxy per class, or every sample (None)."""
    return None if GENERATORS[gen].samples else 1


def listing(path: str) -> str:
    """A digest of the names and sizes of the images in a folder, or of a table and the images it names.

    It changes when images come or go; what cannot be read counts as empty, and is told of by the job.
    """
    digest = hashlib.sha256()
    top = Path(path)
    if top.is_file():
        digest.update(top.read_bytes())
        files, top = _listed(top), top.parent
    else:
        files = [Path(parent, name) for parent, _, names in os.walk(top, followlinks=True) for name in names]
    for file in sorted(files):
        try:
            size = file.stat().st_size
        except OSError:  # a link that leads nowhere
            size = -1
        digest.update(f"{os.path.relpath(file, top)} {size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _listed(table: Path) -> list[Path]:
    """The files that a table names."""
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            return [table.parent / row["path"] for row in csv.DictReader(file) if row.get("path")]
    except (UnicodeDecodeError, csv.Error):
        return []


def _key(configuration: Configuration) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is not None, value if value is not None else 0) for value in configuration)


class Study:
    """A study without problems. Expansion is done once per experiment, and per (fm, task, shots) on demand."""

    def __init__(self, config: StudyConfig):
        self.config = config
        self.root = Path(config.results)
        self._cells: dict[Group, dict[Configuration, tuple[int, ...]]] = {}

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """All tasks by name, those of families included."""
        return {task.name: task for resolved in self._resolved.values() for task in resolved}

    @cached_property
    def _resolved(self) -> dict[str, list[Task]]:
        resolved = {}
        for name, config in self.config.tasks.items():
            counts = [getattr(self.config.datasets[d], "class_count", None) for d in config.datasets]
            resolved[name] = list(resolve(name, config, None if None in counts else sum(counts)))
        return resolved

    @cached_property
    def _grids(self) -> dict[str, list[Configuration]]:
        return {name: configurations(experiment) for name, experiment in self.config.experiments.items()}

    def experiment_groups(self, name: str) -> list[Group]:
        """(fm, task, shots) that the grid of an experiment covers; none if it only shows those of others."""
        experiment = self.config.experiments[name]
        if not self._grids[name]:
            return []
        tasks = [task.name for t in experiment.tasks or self.config.tasks for task in self._resolved[t]]
        return [
            (fm, task, str(shots))
            for fm, task, shots in product(experiment.fms or self.config.fms, tasks, experiment.shots)
        ]

    def experiment_configurations(self, name: str) -> list[Configuration]:
        return self._grids[name]

    def experiment_seeds(self, name: str) -> tuple[int, ...]:
        return self.config.experiments[name].seeds or self.config.seeds

    def experiment_runs(self, name: str) -> dict[str, int]:
        """Runs of an experiment on its own, by task or family; those that it shares with others are counted too."""
        each = len(self.experiment_configurations(name)) * len(set(self.experiment_seeds(name)))
        found: dict[str, int] = {}
        for _, task_name, _ in self.experiment_groups(name):
            task = self.tasks[task_name]
            found[task.family] = found.get(task.family, 0) + each * len(task.draws)
        return found

    @cached_property
    def _experiments_of(self) -> dict[Group, list[str]]:
        found: dict[Group, list[str]] = {}
        for name in self.config.experiments:
            for group in self.experiment_groups(name):
                found.setdefault(group, []).append(name)
        return found

    @property
    def groups(self) -> list[Group]:
        """Every (fm, task, shots) of the study."""
        return list(self._experiments_of)

    def cells(self, group: Group) -> dict[Configuration, tuple[int, ...]]:
        """The configurations of a group with their seeds; those shared by experiments stand once. Sorted."""
        if group not in self._cells:
            merged: dict[Configuration, dict[int, None]] = {}
            for name in self._experiments_of[group]:
                seeds = dict.fromkeys(self.experiment_seeds(name))
                for configuration in self._grids[name]:
                    merged.setdefault(configuration, {}).update(seeds)
            self._cells[group] = {c: tuple(sorted(merged[c])) for c in sorted(merged, key=_key)}
        return self._cells[group]

    def runs(self) -> int:
        """Configurations times draws times seeds: what a program that handles one at a time would run."""
        return sum(
            len(self.tasks[task].draws) * sum(map(len, self.cells((fm, task, shots)).values()))
            for fm, task, shots in self.groups
        )

    # what each rule's jobs are

    def generations(self, group: Group, agg: str | None = None) -> list[tuple[str, str]]:
        """(gen, k) of the proxy files that a group, or one AGG of it, evaluates; k as in file names."""
        return list(
            dict.fromkeys(
                (c.gen, k_name(c.gen, c.k)) for c in self.cells(group) if agg is None or c.agg == agg
            )
        )

    def aggregations(self, group: Group) -> list[str]:
        """The AGG of a group's score files."""
        return list(dict.fromkeys(c.agg for c in self.cells(group)))

    def fm_tasks(self) -> list[tuple[str, str]]:
        """Every (fm, task) of the study."""
        return list(dict.fromkeys((fm, task) for fm, task, _ in self.groups))

    def datasets_of(self, task: str) -> tuple[str, ...]:
        return self.tasks[task].datasets

    def kept_outputs(self) -> Iterator[str]:
        """The files, below the results, of the jobs that keep blocks of their work."""
        for group in self.groups:
            folder = "/".join(group)
            for gen, k in self.generations(group):
                yield f"proxies/{folder}/{gen}/k{k}.h5"
                if GENERATORS[gen].clusters:
                    yield f"proxies/{folder}/{GENERATORS[gen].clusters}/k{k}.h5"
            yield from (f"scores/{folder}/{agg}.parquet" for agg in self.aggregations(group))
        yield from (f"collapse/{fm}/{task}.parquet" for fm, task in self.fm_tasks())

    # what each job is told; all of it JSON, and only what matters to its output

    def data(self, dataset: str) -> dict[str, Any]:
        """What a dataset is, wherever it lies; of own images also which files there are."""
        config = self.config.datasets[dataset]
        what = config.model_dump(mode="json", exclude=config.SUBSET | config.PLACE)
        return what | ({"files": listing(config.path)} if "path" in what else {})

    def downloaded(self) -> list[str]:
        """The datasets that the workflow downloads: published ones without a place of their own."""
        return [name for name, entry in self.config.datasets.items() if getattr(entry, "root", "") is None]

    def roots(self) -> dict[str, str | None]:
        """Where each dataset lies that is read in its place."""
        given = {name: getattr(entry, "root", None) for name, entry in self.config.datasets.items()}
        return given | {name: f"{self.config.results}/downloads/{name}" for name in self.downloaded()}

    def subset(self, dataset: str) -> dict[str, Any]:
        """What of a dataset is embedded."""
        config = self.config.datasets[dataset]
        chosen = config.model_dump(mode="json", include=getattr(config, "SUBSET", set()))
        if chosen.get("classes") == "needed":
            chosen["classes"] = self._needed(dataset)
        return chosen

    def _needed(self, dataset: str) -> list[int] | None:
        """The classes of a dataset that the tasks use; None if one of them uses all, or cannot tell."""
        needed: set[int] = set()
        for task in {name: self.tasks[name] for _, name, _ in self.groups}.values():
            if dataset not in task.datasets:
                continue
            before = [
                self.config.datasets[d].class_count for d in task.datasets[: task.datasets.index(dataset)]
            ]
            count = self.config.datasets[dataset].class_count
            if None in before or count is None or None in task.draws:
                return None
            used = {c - sum(before) for groups in task.draws for group in groups for c in group}
            needed |= {c for c in used if 0 <= c < count}
        return sorted(needed)

    def given(self, fm: str, dataset: str, split: str) -> str:
        """The file of the user's embeddings, for an FM of source `embeddings`."""
        return self.config.fms[fm].files[dataset].replace("{split}", split)

    def fetched(self) -> list[str]:
        """The FMs whose published weights the workflow downloads."""
        return [
            name
            for name, fm in self.config.fms.items()
            if fm.source in ("timm", "torchvision")
            and not (fm.checkpoint or fm.model.startswith("local-dir:"))
        ]

    def pretrained(self) -> list[str]:
        """The FMs that the workflow pre-trains."""
        return [name for name, fm in self.config.fms.items() if fm.source == "pretrained"]

    def weights(self, fm: str) -> dict[str, Any]:
        """Which published weights an FM has."""
        return self.config.fms[fm].model_dump(mode="json", include={"source", "model", "weights"})

    def pretraining(self, fm: str) -> dict[str, Any]:
        return self.config.fms[fm].model_dump(
            mode="json", include={"model", "epochs", "seed", "weight_decay"}
        )

    def embedding(self, fm: str) -> dict[str, Any]:
        return self.config.fms[fm].model_dump(
            mode="json",
            exclude={"ls_lambda", "checkpoint", "epochs", "seed", "weight_decay", "dataset", "files"},
        )

    def proxies(self, group: Group, gen: str, k: str) -> dict[str, Any]:
        """The job of one proxy file: its NORMpre, each with the seeds wanted."""
        wanted: dict[str, set[int]] = {}
        for configuration, seeds in self.cells(group).items():
            if (configuration.gen, k_name(configuration.gen, configuration.k)) == (gen, k) or (
                GENERATORS[configuration.gen].clusters == gen and str(configuration.k) == k
            ):
                wanted.setdefault(configuration.norm_pre, set()).update(seeds)
        # one set for all seeds where they change nothing: then a new seed is no reason to run the job again
        seeded = GENERATORS[gen].seeded or group[2] != "full"
        spec = {
            **self.tasks[group[1]].spec(),
            "shots": group[2],
            "gen": gen,
            "k": k_of(k),
            "seeds": {pre: sorted(seeds) if seeded else [None] for pre, seeds in sorted(wanted.items())},
        }
        if GENERATORS[gen].sees_all_classes:
            spec["ls_lambda"] = self.config.fms[group[0]].ridge
        return spec

    def evaluation(self, group: Group, agg: str) -> dict[str, Any]:
        """The job of one score file: its configurations with their seeds."""
        per_class = any(self.config.experiments[name].per_class for name in self._experiments_of[group])
        return {
            **self.tasks[group[1]].spec(),
            "fm": group[0],
            "shots": group[2],
            **({"per_class": True} if per_class else {}),
            "cells": [[*c, list(seeds)] for c, seeds in self.cells(group).items() if c.agg == agg],
        }

    def collapse(self, fm: str, task: str) -> dict[str, Any]:
        return {**self.tasks[task].spec(), "fm": fm}

    def selection(self, name: str) -> dict[str, Any]:
        """What rows of scores.parquet belong to an experiment: its own grid, first, and those it shows `also`, as `grids`.

        `digest` changes when they do.
        """
        grids = [
            {
                "groups": sorted(self.experiment_groups(grid)),
                "configurations": sorted(self._grids[grid], key=_key),
                "seeds": sorted(self.experiment_seeds(grid)),
            }
            for grid in (name, *self.config.experiments[name].also)
        ]
        return {"grids": grids, "digest": hashlib.sha256(canonical(grids).encode()).hexdigest()[:16]}

    def heads(self, name: str) -> list[Group]:
        """(fm, task, shots) of the heads that an experiment saves: full, or the most shots it has."""
        wanted = self.experiment_groups(name) if self.config.experiments[name].save_heads else []
        return [
            (fm, task, shots)
            for fm, task, shots in wanted
            if shots == self._most_shots(name) and self.tasks[task].d is None
        ]

    def _most_shots(self, name: str) -> str:
        shots = self.config.experiments[name].shots
        return "full" if "full" in shots else str(max(shots))

    # figures of one FM and task

    def cell_groups(self, name: str) -> list[Group]:
        """(fm, task, shots) that an experiment's figures of one FM and task show."""
        cell = self.config.experiments[name].cell
        shots = str(cell.shots or self._most_shots(name))
        groups = [
            group
            for group in self.experiment_groups(name)
            if group[2] == shots and cell.fm in (None, group[0]) and cell.task in (None, group[1])
        ]
        plain = [group for group in groups if self.tasks[group[1]].d is None]
        return groups if cell.task else plain or groups

    def cell_group(self, name: str, fm: str, task: str) -> Group:
        return next(group for group in self.cell_groups(name) if group[:2] == (fm, task))

    def cell_configurations(self, name: str) -> list[Configuration]:
        """The methods that the chosen cell may have."""
        return [c for c in self._grids[name] if self.config.experiments[name].cell.fits(c)]

    def cell_generations(self, name: str) -> list[tuple[str, str]]:
        """(gen, k) of the proxy files that the chosen cell may need; k as in file names."""
        return list(dict.fromkeys((c.gen, k_name(c.gen, c.k)) for c in self.cell_configurations(name)))

    def cell(self, name: str, fm: str, task: str) -> dict[str, Any]:
        """The job that chooses a cell: the rows of scores to choose from, and what one draw of the task is."""
        cell = self.config.experiments[name].cell
        seeds = self.experiment_seeds(name) if cell.seed is None else (cell.seed,)
        return {
            "groups": [self.cell_group(name, fm, task)],
            "configurations": sorted(self.cell_configurations(name), key=_key),
            "seeds": sorted(seeds),
            **self.embedded(name, task),
        }

    def embedded(self, name: str, task: str) -> dict[str, Any]:
        """The test samples that an experiment's figures of one FM and task show."""
        draw = self.config.experiments[name].cell.draw
        return {
            "draw": draw,
            "draw_groups": self.tasks[task].draws[draw],
            "datasets": self.tasks[task].datasets,
        }

    def images_of(self, fm: str, task: str) -> list[str]:
        """The datasets of a task whose images an FM embedded; none if its embeddings were given."""
        if self.config.fms[fm].source == "embeddings":
            return []
        return [d for d in self.tasks[task].datasets if self.config.datasets[d].source != "embeddings"]

    def about(self) -> dict[str, Any]:
        """The study in a few words, for the report."""
        return {
            "runs": f"{self.runs():,}",
            "fms": ", ".join(self.config.fms),
            "tasks": ", ".join(dict.fromkeys(self.tasks[task].family for _, task, _ in self.groups)),
            "datasets": ", ".join(self.config.datasets),
            "seeds": len(self.config.seeds),
        }

    def summary(self) -> list[str]:
        """What was run and what won, for the report, once it is known."""
        file = self.root / "summary.txt"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
