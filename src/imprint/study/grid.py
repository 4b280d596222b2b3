"""A study ready to run: its tasks resolved, its experiments expanded to cells."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple

from imprint.data.shots import ALL_SHOTS
from imprint.method.configuration import Configuration
from imprint.store.paths import collapse_file, explorer_file, proxies_file, scores_file
from imprint.study.cells import Cells
from imprint.study.config.study import StudyConfig
from imprint.study.methods import configurations, sort_key
from imprint.study.tasks import Task, resolve, total


class Group(NamedTuple):
    """An FM, a task and shots; each group has a folder of score files."""

    fm: str
    task: str
    shots: str

    @property
    def draws_samples(self) -> bool:
        """Whether each seed draws its own training set; with all samples there is one set for all seeds."""
        return self.shots != ALL_SHOTS


class Study:
    """A study without problems.

    Each experiment is expanded once, the cells of a group on demand.

    Attributes
    ----------
    config : StudyConfig
        The study as configured.
    root : Path
        Folder of its results.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.root = Path(config.results)
        # by experiments, as groups of the same experiments have the same cells
        self._cells: dict[tuple[str, ...], Cells] = {}

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """All tasks by name, those of families included."""
        return {task.name: task for tasks in self._resolved.values() for task in tasks}

    @cached_property
    def _resolved(self) -> dict[str, list[Task]]:
        resolved = {}
        for name, task in self.config.tasks.items():
            count = total(self.config.datasets[dataset].class_count for dataset in task.datasets)
            resolved[name] = list(resolve(name, task, count))
        return resolved

    @cached_property
    def methods(self) -> dict[str, list[Configuration]]:
        """The methods of each experiment's own grid."""
        return {name: configurations(entry) for name, entry in self.config.experiments.items()}

    def experiment_groups(self, name: str) -> list[Group]:
        """The groups that the grid of an experiment covers; none if it only shows the grids of others."""
        experiment = self.config.experiments[name]
        if not self.methods[name]:
            return []
        tasks = [
            task.name
            for entry in experiment.tasks or self.config.tasks
            for task in self._resolved[entry]
        ]
        fms = experiment.fms or self.config.fms
        return [
            Group(fm, task, str(shots)) for fm, task, shots in product(fms, tasks, experiment.shots)
        ]

    def experiment_seeds(self, name: str) -> tuple[int, ...]:
        """The seeds of an experiment."""
        return self.config.experiments[name].seeds or self.config.seeds

    @cached_property
    def experiments_of(self) -> dict[Group, list[str]]:
        """The experiments whose grids cover each group."""
        of_groups: dict[Group, list[str]] = {}
        for name in self.config.experiments:
            for group in self.experiment_groups(name):
                of_groups.setdefault(group, []).append(name)
        return of_groups

    @property
    def groups(self) -> list[Group]:
        """Every (fm, task, shots) of the study."""
        return list(self.experiments_of)

    def cells(self, group: Group) -> Cells:
        """The cells of a group, sorted; those shared by experiments are listed once."""
        names = tuple(self.experiments_of[group])
        if names not in self._cells:
            merged: dict[Configuration, dict[int, None]] = {}
            for name in names:
                seeds = dict.fromkeys(self.experiment_seeds(name))
                for configuration in self.methods[name]:
                    merged.setdefault(configuration, {}).update(seeds)
            ordered = sorted(merged, key=sort_key)
            self._cells[names] = Cells({c: tuple(sorted(merged[c])) for c in ordered})
        return self._cells[names]

    def runs(self) -> int:
        """The number of runs: configurations times draws times seeds, over all groups."""
        return sum(
            len(self.tasks[group.task].draws) * sum(map(len, self.cells(group).seeds.values()))
            for group in self.groups
        )

    def fm_tasks(self) -> list[tuple[str, str]]:
        """Every (fm, task) of the study."""
        return list(dict.fromkeys((group.fm, group.task) for group in self.groups))

    def outputs_with_blocks(self) -> Iterator[Path]:
        """The files of the jobs that store blocks of finished work."""
        for group in self.groups:
            for gen in self.cells(group).proxy_seeds:
                yield proxies_file(self.root, *group, gen)
            for agg in self.cells(group).by_agg:
                yield scores_file(self.root, *group, agg)
        for fm, task in self.fm_tasks():
            yield collapse_file(self.root, fm, task)
        yield explorer_file(self.root)
