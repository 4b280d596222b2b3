"""Read YAML files, and replace environment variables in their strings."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from imprint.study.problems import ConfigError, Problem

_MERGE = "tag:yaml.org,2002:merge"  # `<<: *other`, whose keys may be repeated
MOST_VALUES, MOST_DEPTH = 200_000, 50  # limits of a file
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class _Loader(yaml.SafeLoader):
    """SafeLoader that reports repeated keys, of which YAML takes the last."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.problems: list[Problem] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = None
            if key_node.tag != _MERGE:
                key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool):
                continue
            line = key_node.start_mark.line + 1
            if key in lines:
                message = f"'{key}' is here and in line {lines[key]}; names must be unique"
                self.problems.append(Problem(f"line {line}", message))
            else:
                lines[key] = line
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Document:
    """The content of a YAML file.

    Attributes
    ----------
    content : dict
        Its mapping.
    lines : dict of str to int
        The line of each key, such as `tasks.all.datasets[0]`.
    """

    content: dict[str, Any]
    lines: dict[str, int]


def read_yaml(path: str | Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    ConfigError
        If the file is missing, unreadable or invalid, repeats a key, holds no mapping, or is too large with the content
        of its aliases (`*name`).
    """
    source = str(path)

    def wrong(message: str, where: str = "") -> ConfigError:
        return ConfigError(source, [Problem(where, message)])

    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise wrong("there is no such file") from None
    except IsADirectoryError:
        raise wrong("it is a folder, not a file") from None
    except UnicodeDecodeError:
        raise wrong("it is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise wrong(f"it cannot be read: {error.strerror}") from None
    try:
        return _parsed(source, text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"it holds the control character {chr(error.character)!r}; remove it"
        raise wrong(message, f"line {line}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise wrong(f"invalid YAML: {getattr(error, 'problem', None) or error}", where) from None
    except RecursionError:
        raise wrong(f"it has far more than {MOST_DEPTH} levels") from None


def _parsed(source: str, text: str) -> Document:
    """Parse the text of a YAML file."""
    loader = _Loader(text)
    lines: dict[str, int] = {}
    try:
        node = loader.get_single_node()
        if node is not None:
            require_limits(source, node)
            _note_lines(node, "", lines)
        content = None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()
    if loader.problems:
        raise ConfigError(source, loader.problems)
    if not isinstance(content, dict):
        message = "it must hold the keys of a study: fms, datasets, tasks, experiments"
        raise ConfigError(source, [Problem("", message)])
    return Document(content, lines)


def _children(node: Any) -> list[Any]:
    """The values in a node of YAML, or in a mapping or list."""
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def require_limits(source: str, root: Any) -> None:
    """Raise a ConfigError if there are too many values or levels; the content of an alias counts each time it is used."""
    waiting = [(root, 1)]
    count = 0
    while waiting:
        value, level = waiting.pop()
        count += 1
        if count > MOST_VALUES or level > MOST_DEPTH:
            message = (
                f"it has more than {MOST_VALUES:,} values or {MOST_DEPTH} levels, counting the content of its aliases "
                "(*name)"
            )
            raise ConfigError(source, [Problem("", message)])
        waiting += [(child, level + 1) for child in _children(value)]


def _note_lines(node: yaml.Node, key: str, lines: dict[str, int]) -> None:
    """Add the lines of all keys in a node; `key` is that of the node."""
    if isinstance(node, yaml.SequenceNode):
        for i, entry in enumerate(node.value):
            lines[f"{key}[{i}]"] = entry.start_mark.line + 1
            _note_lines(entry, f"{key}[{i}]", lines)
    elif isinstance(node, yaml.MappingNode):
        # merged keys first, so that those of the mapping itself replace them
        for name, value in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
            if name.tag == _MERGE:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    _note_lines(merged, key, lines)
            else:
                inner = f"{key}.{name.value}" if key else str(name.value)
                lines[inner] = name.start_mark.line + 1
                _note_lines(value, inner, lines)


def expand_variables(value: Any, key: str, problems: list[Problem]) -> Any:
    """Replace ${NAME}, ${NAME:-default} and ~ in all strings of a value.

    Parameters
    ----------
    value : object
        Lists and mappings of any depth.
    key : str
        The key of the value.
    problems : list
        Gets a problem for each variable without a value and each control character.

    Returns
    -------
    object
        The value with its strings replaced.
    """
    if isinstance(value, dict):
        return {
            name: expand_variables(entry, f"{key}.{name}" if key else str(name), problems)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [expand_variables(entry, f"{key}[{i}]", problems) for i, entry in enumerate(value)]
    if isinstance(value, str):
        if control := _CONTROL.search(value):
            problems.append(
                Problem(key, f"it holds the control character {control[0]!r}; remove it")
            )
        try:
            return os.path.expanduser(_VARIABLE.sub(_variable, value))
        except KeyError as error:
            name = error.args[0]
            state = "empty" if name in os.environ else "not set"
            message = f"the environment variable {name} is {state}; set it or write the path here"
            problems.append(Problem(key, message))
    return value


def _variable(match: re.Match[str]) -> str:
    """The value of a variable; raises KeyError if it is not set or empty."""
    name, default = match.groups()
    text = os.environ.get(name) or default
    if text is None:
        raise KeyError(name)
    return text
