"""Classes that tasks and datasets name: the names in a configuration are replaced by the numbers of the classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from imprint.errors import UserError
from imprint.formatting import listed
from imprint.registry import suggestion
from imprint.study.config.datasets import Dataset
from imprint.study.problems import Problem

FIELDS = {"classes": list, "label_map": dict}  # keys with classes


class ClassNames:
    """The class names of datasets, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, Sequence[str | None]] = {}

    def of(self, dataset: str, entry: Dataset) -> Sequence[str | None]:
        """The names of the classes of a dataset; None for each if only their number is known."""
        if dataset not in self._known:
            names: Sequence[str | None] = entry.class_names or [None] * (entry.class_count or 0)
            if not names:
                raise UserError(
                    f"the classes of '{dataset}' are known only when it is prepared; give their numbers, 0, 1, ..., instead of names"
                )
            self._known[dataset] = names
        return self._known[dataset]


def numbered(
    key: str,
    entry: Mapping[str, Any],
    datasets: Mapping[str, Dataset | None],
    names: ClassNames,
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
    names : ClassNames
        Reads the names of their classes.
    problems : list of Problem
        Names that are not those of one class are added to it. The result lacks the keys that have them.
    """
    result = dict(entry)
    known = {name: dataset for name, dataset in datasets.items() if dataset is not None}
    for field, kind in FIELDS.items():
        labels = entry.get(field)
        if not isinstance(labels, kind):
            continue
        complete = bool(known) and len(known) == len(datasets)
        if not any(isinstance(label, str | bool) for label in labels):
            if complete:
                problems += _mistakable(f"{key}.{field}", labels, known, names)
            continue
        numbers, before = [], len(problems)
        if complete:
            numbers = _numbers(f"{key}.{field}", labels, known, names, problems)
        if len(numbers) < len(labels) or len(problems) > before:
            del result[field]
        elif isinstance(labels, dict):
            result[field] = dict(zip(numbers, labels.values(), strict=True))
        else:
            result[field] = numbers
    return result


def _mistakable(
    key: str, labels: Any, datasets: Mapping[str, Dataset], names: ClassNames
) -> Iterator[Problem]:
    """Numbers that are also names of other classes of a dataset, as where folders are called 1, 2, ... and numbers begin with 0.

    Not reported are names that several classes have: only a number tells these apart.
    """
    try:
        of_datasets = [names.of(*dataset) for dataset in datasets.items()]
    except UserError:  # names that are not known cannot be meant
        return
    once = {name for name, number in Counter(chain(*of_datasets)).items() if number == 1}
    first = 0
    for of_dataset in of_datasets:
        classes = dict(enumerate(of_dataset, first))
        numbers = {name: number for number, name in classes.items() if name in once}
        for i, label in enumerate(labels):
            called, other = classes.get(label), numbers.get(str(label), label)
            if called in once and other != label:
                key_of_label = f"{key}.{label}" if isinstance(labels, dict) else f"{key}[{i}]"
                message = (
                    f"class {label} is called '{called}', and the class that is called '{label}' is class {other}; "
                    f'write the name in quotes: "{called}" or "{label}"'
                )
                yield Problem(key_of_label, message)
        first += len(classes)


def _numbers(
    key: str,
    labels: Any,
    datasets: Mapping[str, Dataset],
    names: ClassNames,
    problems: list[Problem],
) -> list[Any]:
    """The labels with names replaced."""
    owner, numbers = " + ".join(datasets), []
    try:
        of_all = [name for dataset in datasets.items() for name in names.of(*dataset)]
    except UserError as error:
        problems.append(Problem(key, str(error)))
        return []
    numbers_of: dict[str | None, list[int]] = {}
    for number, name in enumerate(of_all):
        numbers_of.setdefault(name, []).append(number)
    for i, label in enumerate(labels):
        is_map = isinstance(labels, dict)
        key_of_label = f"{key}.{label}" if is_map else f"{key}[{i}]"
        number = label
        if isinstance(label, bool):
            message = f"{label} is neither a name nor a number of a class; put a name such as yes in quotes"
            problems.append(Problem(key_of_label, message))
        elif isinstance(label, str):
            same = numbers_of.get(label, [])
            if len(same) != 1:
                problems.append(Problem(key_of_label, _not_one(label, same, of_all, owner)))
                continue
            number = same[0]
        if is_map and (not isinstance(labels[label], int) or isinstance(labels[label], bool)):
            problems.append(Problem(key_of_label, f"'{labels[label]}' is not a whole number"))
        if is_map and number in numbers:  # a list is checked later
            problems.append(Problem(key_of_label, f"it is class {number}, which is given twice"))
        numbers.append(number)
    return numbers


def _not_one(label: str, same: list[int], names: Sequence[str | None], owner: str) -> str:
    """The message for a name that is not that of one class; `same` are the numbers of the classes that it names."""
    known = [name for name in names if name is not None]
    if same:
        return f"several classes of '{owner}' have this name; give a number: {listed(same)}"
    if not known:
        return f"the names of the classes of '{owner}' are not known; give numbers, 0 to {len(names) - 1}"
    return f"there is no class '{label}'; '{owner}' has the classes {listed(known)}{suggestion(label, known)}"
