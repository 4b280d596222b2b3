"""Parse a configuration into typed sections, entry by entry, so that one mistake hides no other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from imprint.study.config.base import EntryName, as_list
from imprint.study.config.datasets import Dataset
from imprint.study.config.experiments import Experiment
from imprint.study.config.fms import FM
from imprint.study.config.study import StudyConfig
from imprint.study.config.tasks import TaskConfig
from imprint.study.messages import problems_of
from imprint.study.named_classes import ClassNames, numbered
from imprint.study.read import expand_variables
from imprint.study.sections import Sections

SECTIONS: dict[str, Any] = {
    "fms": FM,
    "datasets": Dataset,
    "tasks": TaskConfig,
    "experiments": Experiment,
}


def parse(raw: Mapping[str, Any]) -> Sections:
    """Read a configuration.

    Parameters
    ----------
    raw : mapping
        Its keys, as read from YAML.

    Returns
    -------
    Sections
        The valid parts, and all problems of form.
    """
    sections = Sections()
    raw = expand_variables(dict(raw), "", sections.problems)
    sections.incomplete |= {problem.key for problem in sections.problems}
    class_names = ClassNames()
    whole, invalid = dict(raw), set()
    for section, kind in SECTIONS.items():
        entries = raw.get(section)
        if isinstance(entries, dict):  # otherwise `StudyConfig` reports it below
            adapter: TypeAdapter[Any] = TypeAdapter(kind)
            whole[section] = {}
            _check_names(sections, section, entries)
            for name, entry in entries.items():
                entry = _with_class_numbers(
                    sections, adapter, section, str(name), entry, class_names
                )
                parsed = _parse_entry(sections, adapter, section, str(name), entry)
                if parsed is None:
                    invalid.add(section)  # perhaps without an entry now
                else:
                    whole[section][name] = parsed
    try:
        config = StudyConfig.model_validate(whole)
    except ValidationError as error:
        sections.problems += [
            problem
            for problem in problems_of(error, StudyConfig, "")
            if problem.key not in invalid and problem not in sections.problems
        ]
    else:
        sections.config = None if sections.problems else config
    return sections


def _check_names(sections: Sections, section: str, entries: Mapping[Any, Any]) -> None:
    """Note the problems of the names of the entries, also of those that have other problems."""
    kind = dict[EntryName, Any]
    try:
        TypeAdapter(kind).validate_python(entries)
    except ValidationError as error:
        sections.problems += problems_of(error, kind, section)


def _with_class_numbers(
    sections: Sections,
    adapter: TypeAdapter[Any],
    section: str,
    name: str,
    entry: Any,
    class_names: ClassNames,
) -> Any:
    """An entry with the numbers of the classes that it names; without these keys if its datasets have problems."""
    if not isinstance(entry, dict) or section not in ("datasets", "tasks"):
        return entry
    if section == "datasets":
        names, known = [name], {}
        with suppress(ValidationError):
            whole = {key: value for key, value in entry.items() if key != "classes"}
            known = {name: adapter.validate_python(whole)}
            if not hasattr(known[name], "classes"):  # embeddings without images
                return entry
    else:
        names, known = as_list(entry.get("datasets")), sections.datasets
    datasets = {str(dataset): known.get(str(dataset)) for dataset in names}
    key = f"{section}.{name}"
    result = numbered(key, entry, datasets, class_names, sections.problems)
    if wrong := set(entry) - set(result):
        sections.incomplete |= {key, *(f"{key}.{field}" for field in wrong)}
    return result


def _parse_entry(
    sections: Sections, adapter: TypeAdapter[Any], section: str, name: str, entry: Any
) -> Any:
    """An entry of a section, or None if it has problems; then its valid keys are kept for the checks."""
    key, entries = f"{section}.{name}", getattr(sections, section)
    sections.names[section].append(name)
    try:
        entries[name] = adapter.validate_python(entry)
        return entries[name]
    except ValidationError as error:
        sections.problems += problems_of(error, SECTIONS[section], key)
        if isinstance(entry, dict):
            steps = [item["loc"] for item in error.errors()]
            wrong = {next((str(step) for step in loc if step in entry), "") for loc in steps}
            valid = {k: value for k, value in entry.items() if str(k) not in wrong}
            with suppress(ValidationError):
                entries[name] = adapter.validate_python(valid)
                sections.incomplete |= {key, *(f"{key}.{k}" for k in wrong)}
        return None


def is_within(key: str, entry: str) -> bool:
    """Whether a key is inside an entry, or is that of the entry."""
    return key == entry or key.startswith((f"{entry}.", f"{entry}["))
