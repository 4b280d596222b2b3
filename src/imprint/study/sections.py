"""The sections of a configuration, parsed as far as they are valid."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from imprint.errors import UserError
from imprint.study.config.datasets import Dataset
from imprint.study.config.experiments import Experiment
from imprint.study.config.fms import FM
from imprint.study.config.study import StudyConfig
from imprint.study.config.tasks import TaskConfig
from imprint.study.problems import Problem


@dataclass
class Sections:
    """The entries of each section by name, as far as they are valid, and the problems of their form.

    Attributes
    ----------
    fms, datasets, tasks, experiments : dict
        The entries; those with problems of form have only their valid keys.
    names : dict
        The names of all entries of each section, valid or not.
    config : StudyConfig or None
        The whole configuration, if there are no problems of form.
    incomplete : set of str
        Keys that were left out of entries, and the keys of these entries.
    problems : list of Problem
        The problems of form.
    """

    fms: dict[str, FM] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    tasks: dict[str, TaskConfig] = field(default_factory=dict)
    experiments: dict[str, Experiment] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    config: StudyConfig | None = None
    incomplete: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of experiments without their own; empty if they are not known, because of a problem of form."""
        return self.config.seeds if self.config else ()

    @cached_property
    def class_counts(self) -> dict[str, int | None]:
        """The number of classes of each dataset, None if it is not known; without datasets that have a problem."""
        counts: dict[str, int | None] = {}
        for name, dataset in self.datasets.items():
            with suppress(UserError):  # reported by the check of the dataset
                counts[name] = dataset.class_count
        return counts

    def fms_of(self, experiment: Experiment) -> dict[str, FM]:
        """The FMs of an experiment, without unknown ones."""
        names = experiment.fms or self.fms
        return {name: self.fms[name] for name in names if name in self.fms}

    def tasks_of(self, experiment: Experiment) -> dict[str, TaskConfig]:
        """The tasks of an experiment, without unknown ones."""
        names = experiment.tasks or self.tasks
        return {name: self.tasks[name] for name in names if name in self.tasks}
