"""Load a study: read its files, merge and check them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from imprint.data.sources import SOURCES
from imprint.errors import UserError
from imprint.fm.models import FM_SOURCES
from imprint.method.user_files import load_file
from imprint.registry import suggestion
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.study import checks
from imprint.study.config.study import StudyConfig
from imprint.study.grid import Study
from imprint.study.parse import is_within, parse
from imprint.study.problems import ConfigError, Problem
from imprint.study.read import read_yaml, require_limits


def load(
    files: Iterable[str | Path],
    overrides: Mapping[str, Any] | None = None,
) -> Study:
    """Read a study.

    Parameters
    ----------
    files : iterable of paths
        YAML files; later ones extend or replace keys of earlier ones.
    overrides : mapping, optional
        Keys that extend or replace those of the files.

    Returns
    -------
    Study
        The study, without problems.

    Raises
    ------
    ConfigError
        With all problems at once.
    """
    paths = [str(file) for file in files]
    raw: dict[str, Any] = {}
    places: dict[str, str] = {}
    for file in paths:
        document = read_yaml(file)
        places = _kept(places, raw, document.content)
        places |= {key: f"{file}:{line}" for key, line in document.lines.items()}
        raw = _merged(raw, document.content)
    if overrides:
        places = _kept(places, raw, overrides)
        if paths:
            places |= dict.fromkeys(_replaced(raw, overrides), "--config")
        raw = _merged(raw, overrides)
    source = " + ".join(paths) or "the configuration"
    if paths and overrides:
        source += " + --config"
    unloaded = _load_components(raw.get("components"))
    sections = parse(raw)
    problems = unloaded + sections.problems + checks.problems(sections)
    if sections.config is None or problems:
        raise ConfigError(source, problems, places)
    return Study(sections.config)


def _load_components(files: Any) -> list[Problem]:
    """Register the user's components before they are named; a file that cannot be loaded is a problem."""
    problems = []
    for i, file in enumerate(files if isinstance(files, list) else []):
        try:
            load_file(str(file), others=(FIGURES, TABLES, SOURCES, FM_SOURCES))
        except UserError as error:
            problems.append(Problem(f"components[{i}]", str(error)))
    return problems


def load_for_workflow(requested: Mapping[str, Any]) -> Study:
    """Load the study of a Snakemake run.

    Snakemake reads the files of `--configfile` itself, so messages do not name them; a file given as `--config
    study=FILE` is read here.

    Parameters
    ----------
    requested : mapping
        The keys from `--configfile` and `--config`. With `experiments` they are a whole study. Otherwise the study is the
        file that `study` names, or config.yaml, and the other keys extend or replace those of the file. If they are not
        usable, numbers and booleans that are texts are converted, as Snakemake leaves them so in lists and mappings of
        `--config`.

    Raises
    ------
    UserError
        If the study has problems, or two studies are named.
    """
    require_limits("the configuration", dict(requested))
    try:
        return _load_requested(requested)
    except ConfigError as error:
        try:
            return _load_requested(_typed(requested))
        except ConfigError as typed_error:
            # the reading with fewer problems is the likelier one
            raise min(error, typed_error, key=lambda each: len(each.problems)) from None


def _load_requested(requested: Mapping[str, Any]) -> Study:
    """Load the study of a Snakemake run with the values as they are."""
    keys = dict(requested)
    file = keys.pop("study", None)
    if file in ("", None) and "study" in requested:
        raise UserError("--config study= names no file; is a variable of the shell not set?")
    for key in keys:
        if key not in StudyConfig.model_fields and (meant := suggestion(key, ["study"])):
            raise UserError(f"--config {key}={keys[key]}: unknown key{meant}")
    if "experiments" not in keys:
        return load([file or "config.yaml"], keys)
    if file:
        raise UserError(
            f"--configfile and --config study={file} each name a study; give one of them"
        )
    return load([], keys)


def _typed(value: Any) -> Any:
    """Convert texts that are numbers or booleans, in mappings and lists too."""
    if isinstance(value, Mapping):
        return {_typed(key): _typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_typed(entry) for entry in value]
    if not isinstance(value, str) or not 0 < len(value) < 100 or value[0] in "*&![{":
        return value
    try:
        number = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return number if isinstance(number, int | float | bool) else value


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in extra.items():
        nested = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(merged[key], value) if nested else value
    return merged


def _replaced(base: Mapping[str, Any], extra: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys whose values `_merged` takes from `extra` alone."""
    for name, value in extra.items():
        key = f"{prefix}{name}"
        if isinstance(base.get(name), Mapping) and isinstance(value, Mapping):
            yield from _replaced(base[name], value, f"{key}.")
        else:
            yield key


def _kept(
    places: dict[str, str], base: Mapping[str, Any], extra: Mapping[str, Any]
) -> dict[str, str]:
    """Places without the keys that `extra` replaces, and all below them."""
    replaced = list(_replaced(base, extra))
    return {
        key: line
        for key, line in places.items()
        if not any(is_within(key, other) for other in replaced)
    }
