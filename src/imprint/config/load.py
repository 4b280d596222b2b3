"""From files to a study: read, merged, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from imprint.config import check, read
from imprint.config.study import Study
from imprint.errors import UserError
from imprint.generate import load_file


def load(
    files: Iterable[str | Path],
    overrides: Mapping[str, Any] | None = None,
    *,
    figures: Iterable[str],
    tables: Iterable[str],
) -> Study:
    """Read a study from YAML files, later ones extending or replacing keys of earlier ones, then `overrides`.

    figures, tables: the names that experiments may ask for. Raises `ConfigError` with all problems at once.
    """
    files = [str(f) for f in files]
    raw: dict[str, Any] = {}
    for file in files:
        raw = _merged(raw, read.read_yaml(file))
    if overrides:
        raw = _merged(raw, overrides)
    source = " + ".join([*files, *(["--config"] if overrides else [])])
    unloaded = _load_generators(raw.get("generators"))
    parsed = read.parse(raw)
    named = {
        section: [str(name) for name in raw[section]] if isinstance(raw.get(section), dict) else []
        for section in read.SECTIONS
    }
    problems = unloaded + parsed.problems + check.problems(parsed, named, list(figures), list(tables))
    if parsed.config is None or problems:
        raise read.ConfigError(source, problems)
    return Study(parsed.config)


def _load_generators(files: Any) -> list[read.Problem]:
    """Register the user's GENs before anything names them; what cannot be is a problem of its own."""
    problems = []
    for i, file in enumerate(files if isinstance(files, list) else []):
        try:
            load_file(str(file))
        except UserError as error:
            problems.append((f"generators[{i}]", str(error)))
    return problems


def load_for_workflow(configfiles: Iterable[Any], given: Mapping[str, Any]) -> Study:
    """The study that Snakemake is asked for: config.yaml, or the files of `--configfile`, or `--config study=FILE`.

    given: what `--config` says. Snakemake reads `--configfile` itself and tells its faults in its own words; a file
    given as `study` is read here.
    """
    from imprint.plots import FIGURES
    from imprint.tables import TABLES

    overrides = {key: _typed(value) for key, value in given.items()}
    study, files = overrides.pop("study", None), list(configfiles)
    if study and files:
        raise UserError(
            f"--configfile ({', '.join(map(str, files))}) and --config study={study} each name a study; give one of them"
        )
    files = files or [study or "config.yaml"]
    return load(files, overrides, figures=FIGURES, tables=TABLES)


def _typed(value: Any) -> Any:
    """Numbers and truth values that Snakemake leaves as texts inside lists and mappings of `--config`."""
    if isinstance(value, Mapping):
        return {_typed(k): _typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_typed(v) for v in value]
    if isinstance(value, str):
        try:
            read_as = (
                yaml.safe_load(value) if value and len(value) < 100 and value[0] not in "*&![{" else value
            )
        except yaml.YAMLError:
            return value
        return read_as if isinstance(read_as, int | float | bool) else value
    return value


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in extra.items():
        both = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
