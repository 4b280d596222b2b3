"""Reading YAML files: the mapping in a file, and environment variables in its texts."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from imprint.study.problems import ConfigError, Problem

_MERGE = "tag:yaml.org,2002:merge"  # `<<: *other`, whose keys may be repeated
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class _Loader(yaml.SafeLoader):
    """SafeLoader that notes repeated keys, of which YAML would take the last."""

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
                message = f"'{key}' stands here and in line {lines[key]}; names are unique"
                self.problems.append(Problem(f"line {line}", message))
            else:
                lines[key] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises
    ------
    ConfigError
        If the file is missing, unreadable, invalid, repeats a key, or holds no mapping.
    """
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(source, [Problem("", "there is no such file")]) from None
    except IsADirectoryError:
        raise ConfigError(source, [Problem("", "it is a folder, not a file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(source, [Problem("", f"it cannot be read: {error}")]) from None
    loader = _Loader(text)
    try:
        content = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"invalid YAML: {getattr(error, 'problem', None) or error}"
        raise ConfigError(source, [Problem(where, message)]) from None
    finally:
        loader.dispose()
    if loader.problems:
        raise ConfigError(source, loader.problems)
    if not isinstance(content, dict):
        message = "it must hold the keys of a study: fms, datasets, tasks, experiments"
        raise ConfigError(source, [Problem("", message)])
    return content


def expand_variables(value: Any, key: str, problems: list[Problem]) -> Any:
    """Replace ${NAME} and ${NAME:-default} by environment variables, and ~, in all texts of a value.

    Parameters
    ----------
    value : object
        Lists and mappings of any depth.
    key : str
        The key that has it.
    problems : list
        Gets the variables that are not set.

    Returns
    -------
    object
        The value with its texts replaced.
    """
    if isinstance(value, dict):
        return {
            name: expand_variables(entry, f"{key}.{name}" if key else str(name), problems)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [expand_variables(entry, f"{key}[{i}]", problems) for i, entry in enumerate(value)]
    if isinstance(value, str):
        try:
            return os.path.expanduser(_VARIABLE.sub(_variable, value))
        except KeyError as error:
            message = (
                f"the environment variable {error.args[0]} is not set; "
                "set it or write the path here"
            )
            problems.append(Problem(key, message))
    return value


def _variable(match: re.Match[str]) -> str:
    """The text that stands for a variable; a KeyError if it is not set."""
    name, default = match.groups()
    text = os.environ.get(name) or default
    if text is None:
        raise KeyError(name)
    return text
