"""Checks of tasks: their datasets, classes and families."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imprint.data.folders import folder_of_classes, split_folders
from imprint.study.checks.names import check_classes, check_names, no_such_class
from imprint.study.config.datasets import ImageFolderDataset
from imprint.study.config.tasks import TaskConfig
from imprint.study.problems import Problem
from imprint.study.sections import Sections
from imprint.study.tasks import resolve, total

LISTED = 10  # classes in a message, at most
ONE_CLASS = "one class leaves nothing to tell apart"


def _class_count(task: TaskConfig, sections: Sections) -> int | None:
    """The number of classes of all datasets of a task; None if one is not known."""
    return total(sections.class_counts.get(name) for name in task.datasets)


def _owner(task: TaskConfig) -> str:
    """The datasets of a task as messages name them."""
    return " + ".join(task.datasets)


def task_datasets(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """The datasets of a task must exist."""
    known = sections.names["datasets"]
    yield from check_names(f"{key}.datasets", "dataset", task.datasets, known)


def one_choice_of_classes(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """Classes are chosen in one way."""
    keys = [name for name in ("classes", "label_map", "family") if getattr(task, name) is not None]
    if len(keys) > 1:
        yield Problem(key, f"{' and '.join(keys)} exclude each other; give one of them")


def task_classes(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """The classes of a task must exist, and be two or more."""
    count = _class_count(task, sections)
    yield from check_classes(f"{key}.classes", task.classes, count, _owner(task))
    if task.classes is not None and len(task.classes) == 1:
        yield Problem(f"{key}.classes", f"{ONE_CLASS}; give two or more")
    if count == 1:
        message = f"'{_owner(task)}' has one class, and {ONE_CLASS}"
        yield Problem(f"{key}.datasets", message + _where_classes_are(task, sections))


def _where_classes_are(task: TaskConfig, sections: Sections) -> str:
    """The end of a message that names the folder with a folder for each class; empty if there is none."""
    for name in task.datasets:
        dataset = sections.datasets.get(name)
        if isinstance(dataset, ImageFolderDataset):
            folder = folder_of_classes(Path(dataset.path))
            if folder is None:
                continue
            path = folder.parent if split_folders(folder.parent) else folder
            return f"; the classes seem to be the folders in {folder}: give the path {path}"
    return ""


def embedded_classes(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """The datasets of a task embed all classes that it uses."""
    count = _class_count(task, sections)
    sample = (task.family.sample if task.family else None) or 0
    if count is None or sample > count:
        return
    offset = 0
    for name in task.datasets:
        classes = range(offset, offset + (sections.class_counts[name] or 0))
        embedded = getattr(sections.datasets[name], "classes", None)
        if isinstance(embedded, tuple):
            used = set().union(*(t.classes_used(classes) for t in resolve(name, task, count)))
            if missing := sorted(used - set(embedded)):
                labels = ", ".join(map(str, missing[:LISTED]))
                message = f"it uses classes that '{name}' does not embed: {labels}; add them to datasets.{name}.classes"
                yield Problem(key, message)
        offset = classes.stop


def label_map(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """A label map maps classes that exist to 0, 1, 2, ..."""
    if task.label_map is None:
        return
    key = f"{key}.label_map"
    if not task.label_map:
        yield Problem(key, "it is empty; leave it out to keep the classes as they are")
    count = _class_count(task, sections)
    for label in task.label_map:
        if count is not None and label >= count:
            yield Problem(key, no_such_class(label, count, _owner(task)))
    new = set(task.label_map.values())
    if len(new) == 1:
        yield Problem(key, f"{ONE_CLASS}; map to two or more")
    if new != set(range(len(new))):
        yield Problem(key, "the new classes must be 0, 1, 2, ... without a gap")


def family_classes(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """A family needs enough classes to draw from, of a known number."""
    family = task.family
    if family is None:
        return
    key = f"{key}.family"
    if len(set(family.d)) < len(family.d):
        yield Problem(f"{key}.d", "a value is given twice")
    for name in task.datasets:
        if name in sections.class_counts and sections.class_counts[name] is None:
            message = f"the number of classes of '{name}' is not known, so none can be drawn"
            if not sections.datasets[name].has_images:
                message += "; give its class_count"
            yield Problem(key, message)
    count = _class_count(task, sections)
    drawn_from = family.sample or count
    needed = family.classes * max(family.d)
    if count is not None and family.sample and family.sample > count:
        message = f"{family.sample} classes asked for, '{_owner(task)}' has {count}"
        yield Problem(f"{key}.sample", message)
    elif drawn_from is not None and needed > drawn_from:
        message = (
            f"{family.classes} new classes of {max(family.d)} original ones need {needed} "
            f"classes; there are {drawn_from}"
        )
        yield Problem(f"{key}.d", message)


def task_name(key: str, task: TaskConfig, sections: Sections) -> Iterator[Problem]:
    """No family has a task of this name."""
    name = key.partition(".")[2]
    for family, other in sections.tasks.items():
        if other.family is not None and name in other.draw_counts(family):
            message = f"the family '{family}' has a task of this name; give it another"
            yield Problem(key, message)
