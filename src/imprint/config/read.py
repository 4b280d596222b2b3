"""Reading a study from YAML: every problem is found and told at once, each with its key and what would be right."""

from __future__ import annotations

import difflib
import os
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from imprint.config.models import FM, Dataset, Experiment, StudyConfig, TaskConfig
from imprint.errors import UserError

Problem = tuple[str, str]  # path of the key, what is wrong with it and what would be right

SECTIONS = {"fms": FM, "datasets": Dataset, "tasks": TaskConfig, "experiments": Experiment}


class ConfigError(UserError):
    """A study that cannot be used, with all its problems."""

    def __init__(self, source: str, problems: list[Problem]):
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = [f"  {path}: {text}" if path else f"  {text}" for path, text in problems]
        super().__init__("\n".join([f"{source} is not usable, {count}:", *lines]))


class _Loader(yaml.SafeLoader):
    """SafeLoader that notes keys given twice, which YAML would silently let the last one win."""

    def __init__(self, stream: Any):
        super().__init__(stream)
        self.problems: list[Problem] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue  # `<<: *other`, whose keys those that stand here replace
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if isinstance(key, str | int | float | bool) and key in seen:
                self.problems.append(
                    (f"line {line}", f"'{key}' stands here and in line {seen[key]}; names are unique")
                )
            elif isinstance(key, str | int | float | bool):
                seen[key] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; a `ConfigError` if it is missing, unreadable, invalid or repeats a key."""
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(source, [("", "there is no such file")]) from None
    except IsADirectoryError:
        raise ConfigError(source, [("", "it is a folder, not a file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(source, [("", f"it cannot be read: {error}")]) from None
    loader = _Loader(text)
    try:
        data = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise ConfigError(source, [(place, f"invalid YAML: {what}")]) from None
    finally:
        loader.dispose()
    if loader.problems:
        raise ConfigError(source, loader.problems)
    if not isinstance(data, dict):
        raise ConfigError(
            source, [("", "it must hold the keys of a study: fms, datasets, tasks, experiments")]
        )
    return data


def suggest(name: Any, known: Iterable[str]) -> str:
    """' (did you mean ...?)' if a known name is near, else nothing."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def unknown(kind: str, name: Any, known: Iterable[str]) -> str:
    """The message for a name that is not among the known ones."""
    known = list(known)
    return f"unknown {kind} '{name}'; known: {', '.join(known) or 'none'}{suggest(name, known)}"


_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def expand(text: str) -> str:
    """Replace ${NAME} and ${NAME:-default} by environment variables, and ~; KeyError names one that is not set."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = os.environ.get(name) or default
        if found is None:
            raise KeyError(name)
        return found

    return os.path.expanduser(_VARIABLE.sub(value, text))


def _expand_paths(raw: Any, path: str, problems: list[Problem]) -> Any:
    """`raw` with the variables in all its texts replaced."""
    if isinstance(raw, dict):
        return {k: _expand_paths(v, f"{path}.{k}" if path else str(k), problems) for k, v in raw.items()}
    if isinstance(raw, list):
        return [_expand_paths(v, f"{path}[{i}]", problems) for i, v in enumerate(raw)]
    if isinstance(raw, str):
        try:
            return expand(raw)
        except KeyError as error:
            problems.append(
                (path, f"the environment variable {error.args[0]} is not set; set it or write the path here")
            )
    return raw


@dataclass(frozen=True)
class Parsed:
    """A study as far as it could be read: whole in `config`, or None with the `problems` of form.

    valid: the entries of each section that are right. partial: by (section, name) what is right of the other
    entries, with the keys that had to be left out.
    """

    config: StudyConfig | None
    valid: dict[str, dict[str, Any]]
    partial: dict[tuple[str, str], tuple[Any, set[str]]]
    problems: list[Problem]


def parse(raw: Mapping[str, Any]) -> Parsed:
    """Read entry by entry, so that a mistake in one hides no mistake in another."""
    problems: list[Problem] = []
    raw = _expand_paths(dict(raw), "", problems)
    valid: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    partial: dict[tuple[str, str], tuple[Any, set[str]]] = {}
    for section, kind in SECTIONS.items():
        entries = raw.get(section)
        if not isinstance(entries, dict):
            continue  # its absence or wrong type is a problem of the whole, below
        adapter = TypeAdapter(kind)
        for name, entry in entries.items():
            try:
                valid[section][name] = adapter.validate_python(entry)
            except ValidationError as error:
                problems += _problems(error, kind, f"{section}.{name}")
                rest = _sound_part(adapter, entry, error)
                if rest is not None:
                    partial[section, str(name)] = rest
    # the rest of the study, with the entries that are known to be good or bad put aside
    shell = {key: value for key, value in raw.items() if key not in SECTIONS}
    for section in SECTIONS:
        entries = raw.get(section)
        shell[section] = {n: valid[section].get(n) for n in entries} if isinstance(entries, dict) else entries
        if section not in raw:
            del shell[section]
    invalid = [
        (s, str(n))
        for s, entries in shell.items()
        if s in SECTIONS
        for n in entries or ()
        if n not in valid[s]
    ]
    try:
        study = StudyConfig.model_validate(shell)
    except ValidationError as error:
        study = None
        problems += [
            problem
            for problem in _problems(error, StudyConfig, "")
            if not any(_told(problem[0], f"{section}.{name}") for section, name in invalid)
        ]
    return Parsed(None if problems else study, valid, partial, problems)


def _sound_part(adapter: TypeAdapter, entry: Any, error: ValidationError) -> tuple[Any, set[str]] | None:
    """An entry without the keys that have problems, and these keys; None where too little is left."""
    if not isinstance(entry, dict):
        return None
    bad = {next((str(part) for part in item["loc"] if part in entry), "") for item in error.errors()}
    try:
        return adapter.validate_python({k: v for k, v in entry.items() if str(k) not in bad}), bad
    except ValidationError:
        return None


def _told(path: str, entry: str) -> bool:
    """Whether a problem of the whole lies in an entry whose own problems are told already."""
    return path == entry or path.startswith((f"{entry}.", f"{entry}["))


def _problems(error: ValidationError, kind: Any, prefix: str) -> list[Problem]:
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        path, keys = _place(kind, item["loc"], prefix)
        text = _words(item, keys)
        # of the alternatives of a union the first speaks for all
        found.setdefault(path, text)
    return list(found.items())


def _place(kind: Any, loc: tuple[Any, ...], prefix: str) -> tuple[str, list[str]]:
    """The path of an error as the user would write it, and the keys allowed in the mapping that it lies in."""
    path, keys = prefix, _keys(kind)
    for part in loc:
        if part == "[key]":
            continue  # pydantic's mark for the key itself
        kind, step = _step(kind, part)
        if step:
            path += f"[{part}]" if isinstance(part, int) and path else (f".{part}" if path else str(part))
        if kind is not None and _keys(kind):
            keys = _keys(kind)
    return path, keys


def _strip(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind


def _keys(kind: Any) -> list[str]:
    kind = _strip(kind)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _step(kind: Any, part: Any) -> tuple[Any, bool]:
    """The type one part of an error's location further in, and whether that part is a key that the user wrote."""
    kind = _strip(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(part)
        return (field.annotation if field else None), True
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        options = [_strip(a) for a in arguments if a is not type(None)]
        for option in options:
            if isinstance(option, type) and issubclass(option, BaseModel):
                source = option.model_fields.get("source")
                if source is not None and part in get_args(source.annotation):
                    return option, False
        if len(options) == 1:
            return _step(options[0], part)
        return kind, isinstance(part, int)
    if origin is tuple:
        return arguments[0], True
    if origin is dict:
        return arguments[1], True
    return None, isinstance(part, int)


def _words(item: Mapping[str, Any], keys: list[str]) -> str:
    """An error of pydantic in the words of a person."""
    kind, value, context = item["type"], item.get("input"), item.get("ctx", {})
    shown = f"'{value}'" if isinstance(value, str) else str(value)
    match kind:
        case "extra_forbidden":
            return f"unknown key; known here: {', '.join(keys)}{suggest(item['loc'][-1], keys)}"
        case "missing":
            return "it is missing; it must be given"
        case "union_tag_not_found":
            return f"'{str(context['discriminator']).strip(chr(39))}' is missing; it must be given"
        case "union_tag_invalid":
            return unknown("source", context["tag"], re.findall(r"'([^']+)'", context["expected_tags"]))
        case "literal_error":
            return unknown("name", value, re.findall(r"'([^']+)'", context["expected"]))
        case "greater_than" if context["gt"] == 0:
            return f"{shown} is not a positive number"
        case "greater_than_equal" if context["ge"] == 0:
            return f"{shown} is negative; it must be 0 or more"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{shown} is out of range: {item['msg'].lower()}"
        case "int_type" | "int_parsing" | "int_from_float":
            quoted = isinstance(value, str) and value.strip("+-").isdigit()
            return f"{shown} is not a whole number" + (f"; write {value} without quotes" if quoted else "")
        case "float_type" | "float_parsing":
            return f"{shown} is not a number"
        case "string_type":
            return f"{shown} is not a text; put it in quotes"
        case "bool_type" | "bool_parsing":
            return f"{shown} is neither true nor false"
        case "string_pattern_mismatch" if item["loc"] and item["loc"][-1] == "[key]":
            return (
                f"{shown} is no usable name: letters, digits, '.', '_' and '-', the first a letter or digit"
            )
        case "string_pattern_mismatch":
            return f"{shown} does not fit the pattern {context['pattern']}"
        case "too_short":
            return "it is empty; give at least one entry"
        case "tuple_type" | "list_type":
            return f"{shown} is not a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            empty = "it is empty; it must be a mapping of keys to values"
            return (
                empty
                if value is None
                else f"{shown} is not a mapping of keys to values, such as {{name: ...}}"
            )
    return f"{shown}: {item['msg']}"
