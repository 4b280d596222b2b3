"""Resolve configured tasks to the original classes of each of their classes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from imprint.study.config.tasks import Family, TaskConfig, family_task


@dataclass(frozen=True)
class Task:
    """A resolved task. draws: for each draw the original classes of each new class; None keeps all classes unchanged."""

    name: str
    family: str
    d: int | None
    datasets: tuple[str, ...]
    draws: tuple[tuple[tuple[int, ...], ...] | None, ...]

    def spec(self) -> dict[str, Any]:
        """What a job needs of the task, in JSON types."""
        return {"task": self.name, "family": self.family, "d": self.d, "draws": self.draws}

    def classes_used(self, classes: range) -> set[int]:
        """The classes of one of its datasets that it uses, numbered as in the dataset; `classes` are their numbers in the task."""
        return {
            original - classes.start
            for draw in self.draws
            for originals in ((classes,) if draw is None else draw)
            for original in originals
            if original in classes
        }


def total(counts: Iterable[int | None]) -> int | None:
    """The total number of classes of several datasets; None if that of one is not known."""
    every = list(counts)
    return None if None in every else sum(count or 0 for count in every)


def resolve(name: str, config: TaskConfig, count: int | None) -> Iterator[Task]:
    """Resolve one entry of the section `tasks`.

    Parameters
    ----------
    name : str
        Its key.
    config : TaskConfig
        The entry.
    count : int or None
        Number of classes of all its datasets, if known; a family needs it.

    Yields
    ------
    Task
        One task, or one for each d of a family.
    """
    if config.family is not None:
        if count is None:
            raise ValueError(f"family {name}: the number of classes is not known")
        yield from _family(name, config.family, config.datasets, count)
        return
    merged: tuple[tuple[int, ...], ...] | None = None
    if config.classes is not None:
        merged = tuple((c,) for c in config.classes)
    elif config.label_map is not None:
        new = sorted(set(config.label_map.values()))
        merged = tuple(tuple(old for old, to in config.label_map.items() if to == j) for j in new)
    yield Task(name, name, None, config.datasets, (merged,))


def _family(name: str, family: Family, datasets: tuple[str, ...], count: int) -> Iterator[Task]:
    """The tasks "d in 1" of a family, with the draws of the paper: Python's `random`, one list shuffled in place."""
    generator = random.Random(family.seed)
    sample = family.sample or count
    classes = generator.sample(range(count), sample)
    stride = sample // family.classes
    orders = []
    for _ in range(family.draws):
        generator.shuffle(classes)
        orders.append(tuple(classes))
    for d in family.d:
        draws = tuple(
            tuple(order[stride * j : stride * j + d] for j in range(family.classes))
            for order in orders
        )
        yield Task(family_task(name, d), name, d, datasets, draws)
