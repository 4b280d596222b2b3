"""Classes that tasks and datasets name: the names in a configuration are replaced by the numbers of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imprint.errors import UserError
from imprint.formatting import listed
from imprint.registry import suggestion
from imprint.study.config.datasets import Dataset
from imprint.study.problems import Problem


def numbered(
    key: str,
    entry: Mapping[str, Any],
    datasets: Mapping[str, Dataset | None],
    problems: list[Problem],
) -> dict[str, Any]:
    """An entry of a configuration with the numbers of its classes in place of their names.

    Parameters
    ----------
    key : str
        The key of the entry.
    entry : mapping
        Its keys as the user wrote them.
    datasets : mapping
        The datasets that the classes belong to, in order; the classes of each are numbered after those before it. None for
        one that is not defined or has a problem, which is reported elsewhere.
    problems : list of Problem
        Names that are not those of one class are added to it. The result lacks the keys that have them.
    """
    result = dict(entry)
    for field in ("classes", "label_map"):
        labels = entry.get(field)
        if not isinstance(labels, list | dict) or not any(isinstance(k, str) for k in labels):
            continue
        before = len(problems)
        known = {name: dataset for name, dataset in datasets.items() if dataset is not None}
        numbers = []
        if len(known) == len(datasets):
            numbers = _numbers(f"{key}.{field}", labels, known, problems)
        if len(numbers) < len(labels) or len(problems) > before:
            del result[field]
        elif isinstance(labels, dict):
            result[field] = dict(zip(numbers, labels.values(), strict=True))
        else:
            result[field] = numbers
    return result


def _numbers(
    key: str, labels: list | dict, datasets: Mapping[str, Dataset], problems: list[Problem]
) -> list[Any]:
    """The labels with names replaced."""
    owner, numbers = " + ".join(datasets), []
    try:
        names = [name for dataset in datasets.items() for name in _class_names(*dataset)]
    except UserError as error:
        problems.append(Problem(key, str(error)))
        return []
    for i, label in enumerate(labels):
        key_of_label = f"{key}[{i}]" if isinstance(labels, list) else f"{key}.{label}"
        number = label
        if isinstance(label, str):
            if names.count(label) != 1:
                problems.append(Problem(key_of_label, _not_one(label, names, owner)))
                continue
            number = names.index(label)
        if number in numbers and isinstance(labels, dict):  # a list is checked later
            problems.append(Problem(key_of_label, f"it is class {number}, which is given twice"))
        numbers.append(number)
    return numbers


def _class_names(dataset: str, entry: Dataset) -> Sequence[str | None]:
    """The names of the classes of a dataset; None for each if only their number is known."""
    names, count = entry.class_names, entry.class_count
    if names is None and count is None:
        raise UserError(
            f"the classes of '{dataset}' are known only when it is prepared; give their numbers, 0, 1, ..., instead of names"
        )
    return [None] * (count or 0) if names is None else names


def _not_one(label: str, names: Sequence[str | None], owner: str) -> str:
    """The message for a name that is not that of one class."""
    known = [name for name in names if name is not None]
    if label in known:
        same = [str(number) for number, name in enumerate(names) if name == label]
        return f"several classes of '{owner}' have this name; give a number: {listed(same)}"
    if not known:
        return f"the names of the classes of '{owner}' are not known; give numbers, 0 to {len(names) - 1}"
    return f"there is no class '{label}'; '{owner}' has the classes {listed(known)}{suggestion(label, known)}"
