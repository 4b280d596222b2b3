"""Checks of names and classes that several sections share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imprint.registry import undefined
from imprint.study.problems import Problem


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
