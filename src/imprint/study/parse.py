"""Parse a configuration into typed sections, entry by entry, so that one mistake hides no other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from imprint.study.config.base import as_list
from imprint.study.config.datasets import Dataset
from imprint.study.config.experiments import Experiment
from imprint.study.config.fms import FM
from imprint.study.config.study import StudyConfig
from imprint.study.config.tasks import TaskConfig
from imprint.study.messages import problems_of
from imprint.study.named_classes import ClassNames, numbered
from imprint.study.problems import Problem
from imprint.study.read import expand_variables

SECTIONS: dict[str, Any] = {
    "fms": FM,
    "datasets": Dataset,
    "tasks": TaskConfig,
    "experiments": Experiment,
}


@dataclass
class ParsedStudy:
    """A parsed configuration, with the problems of its form.

    Attributes
    ----------
    config : StudyConfig or None
        The whole configuration, if there are no problems of form.
    names : dict
        The names of the entries of each section, valid or not.
    entries : dict
        For each section the entries by name; those with problems have only their valid keys.
    incomplete : set of str
        Keys that were left out of entries, and the keys of these entries.
    problems : list of Problem
        The problems of form.
    """

    config: StudyConfig | None = None
    names: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SECTIONS})
    entries: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: {} for name in SECTIONS}
    )
    incomplete: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def parse(raw: Mapping[str, Any]) -> ParsedStudy:
    """Read a configuration.

    Parameters
    ----------
    raw : mapping
        Its keys, as read from YAML.

    Returns
    -------
    ParsedStudy
        The valid parts, and all problems of form.
    """
    parsed = ParsedStudy()
    raw = expand_variables(dict(raw), "", parsed.problems)
    parsed.incomplete |= {problem.key for problem in parsed.problems}
    class_names = ClassNames()
    invalid: list[str] = []  # entries whose problems are in the list
    for section in SECTIONS:
        entries = raw.get(section)
        if isinstance(entries, dict):  # otherwise `StudyConfig` reports it below
            adapter: TypeAdapter[Any] = TypeAdapter(SECTIONS[section])
            for name, entry in entries.items():
                entry = _with_class_numbers(parsed, adapter, section, str(name), entry, class_names)
                if not _parse_entry(parsed, adapter, section, str(name), entry):
                    invalid.append(f"{section}.{name}")
    try:
        parsed.config = StudyConfig.model_validate(_with_parsed_entries(raw, parsed, invalid))
    except ValidationError as error:
        parsed.problems += [
            problem
            for problem in problems_of(error, StudyConfig, "")
            if not any(is_within(problem.key, entry) for entry in invalid)
        ]
    if parsed.problems:
        parsed.config = None
    return parsed


def _with_class_numbers(
    parsed: ParsedStudy,
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
        names, known = as_list(entry.get("datasets")), parsed.entries["datasets"]
    datasets = {str(dataset): known.get(str(dataset)) for dataset in names}
    key = f"{section}.{name}"
    result = numbered(key, entry, datasets, class_names, parsed.problems)
    if wrong := set(entry) - set(result):
        parsed.incomplete |= {key, *(f"{key}.{field}" for field in wrong)}
    return result


def _parse_entry(
    parsed: ParsedStudy, adapter: TypeAdapter[Any], section: str, name: str, entry: Any
) -> bool:
    """Parse one entry of a section; return whether it is valid."""
    parsed.names[section].append(name)
    key = f"{section}.{name}"
    try:
        parsed.entries[section][name] = adapter.validate_python(entry)
    except ValidationError as error:
        parsed.problems += problems_of(error, SECTIONS[section], key)
        if isinstance(entry, dict):
            wrong = _wrong_keys(error, entry)
            valid = {k: value for k, value in entry.items() if str(k) not in wrong}
            try:
                parsed.entries[section][name] = adapter.validate_python(valid)
            except ValidationError:
                return False
            parsed.incomplete |= {key, *(f"{key}.{k}" for k in wrong)}
        return False
    return True


def _wrong_keys(error: ValidationError, entry: Mapping[Any, Any]) -> set[str]:
    """The keys of an entry that have problems."""
    return {
        next((str(step) for step in item["loc"] if step in entry), "") for item in error.errors()
    }


def _with_parsed_entries(
    raw: Mapping[str, Any], parsed: ParsedStudy, invalid: list[str]
) -> dict[str, Any]:
    """The whole configuration with its parsed entries; None for the invalid ones."""
    whole = dict(raw)
    for section in SECTIONS:
        if isinstance(raw.get(section), dict):
            whole[section] = {
                name: parsed.entries[section][str(name)]
                if f"{section}.{name}" not in invalid
                else None
                for name in raw[section]
            }
    return whole


def is_within(key: str, entry: str) -> bool:
    """Whether a key is inside an entry, or is that of the entry."""
    return key == entry or key.startswith((f"{entry}.", f"{entry}["))
