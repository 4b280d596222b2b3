"""The command that computes a study."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any


def command_of(requested: Mapping[str, Any]) -> str:
    """The command that computes the study of this run.

    requested: the keys from `--configfile` and `--config`, see `imprint.study.load.load_for_workflow`. The names of the
    files of `--configfile` are not known.
    """
    command = ["snakemake", "--cores", "N"]
    if "experiments" in requested:
        return shlex.join([*command, "--configfile", "FILE"])
    keys = [f"{key}={_as_typed(value)}" for key, value in requested.items()]
    return shlex.join([*command, *(["--config", *keys] if keys else [])])


def _as_typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
