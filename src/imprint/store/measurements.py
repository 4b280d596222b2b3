"""Measurements of the job that wrote a file, such as the speed of an FM, in a note beside the file.

These numbers differ from run to run. They are not in the file, so that equal work gives equal bytes, and the file is
valid without its note.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imprint.store.files import canonical, write_text
from imprint.store.paths import measurements_note, shard_measurements

Measurements = dict[str, Any]


class Collector(logging.Handler):
    """Collects the values that log records carry as `measured`: `log.info(..., extra={"measured": {...}})`.

    Attributes
    ----------
    values : dict
        The collected values; a later value replaces an earlier one of the same name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.values: Measurements = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the values of a record."""
        self.values |= getattr(record, "measured", {})


def write_measurements(output: str | Path, values: Mapping[str, Any]) -> None:
    """Write the note of an output, or remove an old one if nothing was measured."""
    path = measurements_note(output)
    if values:
        write_text(path, canonical(dict(values)))
    else:
        path.unlink(missing_ok=True)


def read_measurements(embeddings: str | Path) -> list[Measurements]:
    """The measurements of the job, or of the job of each shard, that wrote a file of embeddings; damaged notes are ignored."""
    note = measurements_note(embeddings)
    notes = [note] if note.exists() else shard_measurements(embeddings)
    measured = []
    for path in notes:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(values, dict):
            measured.append(values)
    return measured
