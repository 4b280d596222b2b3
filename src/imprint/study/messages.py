"""Turn errors of pydantic into problems: the key as the user writes it, and a readable message."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from imprint.registry import suggestion, unknown
from imprint.study.config.base import MISTAKE
from imprint.study.problems import Problem

RENAMED = {"generators": "components"}  # keys of earlier versions
_KEY = "[key]"  # pydantic's mark for an error of a key itself


def problems_of(error: ValidationError, kind: Any, prefix: str) -> list[Problem]:
    """The problems in a part of a configuration.

    Parameters
    ----------
    error : ValidationError
        The error of pydantic.
    kind : type
        The type that the part should have.
    prefix : str
        The key of the part; empty for the whole configuration.

    Returns
    -------
    list of Problem
        One for each key; for a union the message of its first alternative, and the words that are allowed too.
    """
    messages: dict[str, str] = {}
    for item in error.errors(include_url=False):
        key, known_keys = _key(kind, _location(item), prefix)
        if item["type"] == "literal_error":
            if key in messages:
                messages[key] += f"; {item['ctx']['expected']} is allowed too"
            elif any(other.startswith(f"{key}[") for other in messages):
                continue  # the list that the user wrote has a problem inside
        messages.setdefault(key, _message(item, known_keys))
    return [Problem(key, message) for key, message in messages.items()]


def _location(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """The location of an error of pydantic, which names the key False, as YAML reads `no`, 0."""
    steps = item["loc"]
    return (*steps[:-2], str(item["input"]), _KEY) if steps[-1:] == (_KEY,) else steps


def _key(kind: Any, location: tuple[Any, ...], prefix: str) -> tuple[str, list[str]]:
    """The key of an error, and the valid keys of the mapping around it."""
    key, known_keys = prefix, _keys(kind)
    for step in location:
        if step == _KEY:
            continue
        kind, is_written = _inner(kind, step)
        if is_written and isinstance(step, int) and key:
            key += f"[{step}]"
        elif is_written:
            key = f"{key}.{step}" if key else str(step)
        known_keys = _keys(kind) or known_keys
    return key, known_keys


def _bare(kind: Any) -> Any:
    """A type without its annotations."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _keys(kind: Any) -> list[str]:
    kind = _bare(kind)
    return list(kind.model_fields) if _is_section(kind) else []


def _inner(kind: Any, step: Any) -> tuple[Any, bool]:
    """The type at the next step of an error's location, and whether the user wrote that step as a key."""
    kind = _bare(kind)
    if _is_section(kind):
        field = kind.model_fields.get(step)
        return (field.annotation if field else None), True
    arguments, origin = get_args(kind), get_origin(kind)
    if origin in (Union, types.UnionType):
        options = [_bare(option) for option in arguments if option is not type(None)]
        for option in filter(_is_section, options):
            source = option.model_fields.get("source")
            if source is not None and step in get_args(source.annotation):
                return option, False  # pydantic adds the source to name the option
        return _inner(options[0], step) if len(options) == 1 else (kind, isinstance(step, int))
    if origin is tuple:
        return arguments[0], True
    if origin is dict:
        return arguments[1], True
    return None, isinstance(step, int)


def _quoted_names(text: str) -> list[str]:
    return re.findall(r"'([^']+)'", text)


def _message(item: Mapping[str, Any], known_keys: list[str]) -> str:  # noqa: C901 - one case for each kind of error
    """A readable message for an error of pydantic."""
    value, context = item.get("input"), item.get("ctx", {})
    shown = f"'{value}'" if isinstance(value, str) else str(value)
    match item["type"]:
        case "extra_forbidden":
            return _unknown_key(item["loc"][-1], known_keys)
        case "missing":
            return "it is missing; it must be given"
        case "invalid_key":
            return f"{item['loc'][-1]} is not a key, which is a text; a list of values is written [a, b]"
        case "union_tag_not_found":
            return f"{context['discriminator']} is missing; it must be given"
        case "union_tag_invalid":
            return unknown("source", context["tag"], _quoted_names(context["expected_tags"]))
        case "literal_error":
            return unknown("name", value, _quoted_names(context["expected"]))
        case "greater_than" if context["gt"] == 0:
            return f"{shown} is not a positive number"
        case "greater_than_equal" if context["ge"] == 0:
            return f"{shown} is negative; it must be 0 or more"
        case "less_than_equal":
            return f"{shown} is too large; the maximum is {context['le']:,}"
        case "less_than" if context["lt"] > 1:
            return f"{shown} is too large; it must be below {context['lt']:,}"
        case "finite_number":
            return f"{shown} is not a finite number"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{shown} is out of range: {item['msg'].lower()}"
        case "int_type" | "int_parsing" | "int_from_float":
            if isinstance(value, str) and value.strip("+-").isdigit():
                return f"{shown} is not a whole number; write {value} without quotes"
            return f"{shown} is not a whole number"
        case "float_type" | "float_parsing":
            return f"{shown} is not a number"
        case "string_type" if item["loc"][-1] == _KEY:
            return f"YAML reads this name as {shown}; put it in quotes"
        case "string_type" if value is None:
            return "it is empty; give a text, or leave the key out"
        case "string_type":
            return f"{shown} is not a text; put it in quotes"
        case "bool_type" | "bool_parsing":
            return f"{shown} is neither true nor false"
        case "string_pattern_mismatch" if "cuda" in context["pattern"]:
            auto = "auto, " if "auto" in context["pattern"] else ""
            return f"unknown device {shown}; known: {auto}cpu, mps, cuda, cuda:0, cuda:1, ..."
        case "string_pattern_mismatch":
            return (
                f"{shown} is not a valid name; a name has letters, digits, '.', '_' and '-', "
                "and starts with a letter or digit"
            )
        case "string_too_long":
            return f"it has {len(str(value))} characters; the maximum is {context['max_length']}"
        case "too_long":
            return f"it has {context['actual_length']:,} entries; the maximum is {context['max_length']:,}"
        case "too_short":
            return "it is empty; give at least one entry"
        case "tuple_type" | "list_type":
            return f"{shown} is not a list"
        case "dict_type" | "model_type" | "model_attributes_type" if value is None:
            return "it is empty; it must be a mapping of keys to values"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{shown} is not a mapping of keys to values, such as {{name: ...}}"
        case kind if kind == MISTAKE:
            return str(item["msg"])
    return f"{shown}: {item['msg']}"


def _unknown_key(key: Any, known_keys: list[str]) -> str:
    new = RENAMED.get(str(key))
    if new in known_keys:
        return f"this key is called '{new}' now; rename it"
    return f"unknown key; known here: {', '.join(known_keys)}{suggestion(key, known_keys)}"
