"""The sections of a configuration for the checks, and shared checks of names and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from imprint.errors import UserError
from imprint.registry import undefined
from imprint.study.config.datasets import Dataset
from imprint.study.config.experiments import Experiment
from imprint.study.config.fms import FM
from imprint.study.config.tasks import TaskConfig
from imprint.study.problems import Problem


@dataclass(frozen=True)
class Sections:
    """The entries of each section by name, as far as they are valid.

    Attributes
    ----------
    fms, datasets, tasks, experiments : mapping
        The entries; those with problems of form have only their valid keys.
    names : mapping
        The names of all entries of each section, valid or not.
    seeds : tuple of int
        The seeds of experiments without their own; empty if they are not known, because of a problem of form.
    """

    fms: Mapping[str, FM]
    datasets: Mapping[str, Dataset]
    tasks: Mapping[str, TaskConfig]
    experiments: Mapping[str, Experiment]
    names: Mapping[str, list[str]]
    seeds: tuple[int, ...]

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


def check_names(
    key: str, kind: str, names: Iterable[str] | None, known: Iterable[str] | None = None
) -> Iterator[Problem]:
    """Check that each name is given once and, if `known` is given, among these."""
    names = list(names or ())
    known = names if known is None else list(known)
    for i, name in enumerate(names):
        if name not in known:
            yield Problem(f"{key}[{i}]", undefined(kind, name, known))
        elif name in names[:i]:
            yield Problem(f"{key}[{i}]", f"{kind} '{name}' is given twice")


def check_classes(
    key: str, classes: Iterable[int] | None, count: int | None, owner: str
) -> Iterator[Problem]:
    """Check that there are classes, that they exist and are given once; `count` is None if it is not known."""
    if classes is None:
        return
    classes = list(classes)
    if not classes:
        yield Problem(key, "it is empty; leave it out for all classes")
    for i, label in enumerate(classes):
        if count is not None and label >= count:
            yield Problem(f"{key}[{i}]", no_such_class(label, count, owner))
        elif label in classes[:i]:
            yield Problem(f"{key}[{i}]", f"class {label} is given twice")


def no_such_class(label: int, count: int, owner: str) -> str:
    """The message for a class that a dataset, or several, do not have."""
    return f"there is no class {label}; '{owner}' has the classes 0 to {count - 1}"
