"""The section `tasks`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from imprint.study.config.base import Class, Count, Name, OneOrMore, Positive, Section, Seed


class Family(Section):
    """A family of tasks "d in 1": new classes that each unite d original ones, over random draws (section 5.3)."""

    d: OneOrMore[Positive]
    """Number of original classes that form a new class; each value gives a task `<name>-d<d>`."""
    classes: Annotated[Positive, Field(ge=2)] = 10
    """New classes per task."""
    draws: Annotated[Positive, Field(le=10_000)] = 10
    """Number of random draws of the classes; one job computes all of them."""
    sample: Positive | None = None
    """Number of original classes to draw from; all by default."""
    seed: Seed = 420
    """Seed of the draws (Python's `random`); 420 gives the paper's."""


class TaskConfig(Section):
    """A classification task: one or several datasets, with all classes or some, unchanged or merged."""

    datasets: OneOrMore[Name]
    """Datasets, concatenated; the labels of each are offset by the number of classes before it."""
    classes: tuple[Class, ...] | None = None
    """Classes to keep, by name or by number (after the offset); class j of the task is the j-th of them. All by default."""
    label_map: dict[Class, Count] | None = None
    """New class of each original class, by name or by number (after the offset); several may share one. Those not named are
    left out."""
    family: Family | None = None
    """Makes this a family of "d in 1" tasks instead of one task."""

    def draw_counts(self, name: str) -> dict[str, int]:
        """The number of draws of each task that this entry defines under a name."""
        if self.family is None:
            return {name: 1}
        return {family_task(name, d): self.family.draws for d in self.family.d}


def family_task(family: str, d: int) -> str:
    """The name of one task of a family."""
    return f"{family}-d{d}"
