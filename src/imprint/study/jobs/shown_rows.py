"""The rows of results that a table or a figure shows."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from imprint.analysis.frames import collect, rows_of
from imprint.store.frames import read_parquet


def read_shown_rows(files: Any, selection: str) -> list[pd.DataFrame]:
    """Scores, collapse and, for those that need them, FMs: the rows that belong to an experiment.

    files: has lists of paths as attributes: `scores`, `collapse` and `fms`, which may be empty. selection: the JSON of
    `imprint.study.selections.selection`.
    """
    grids = json.loads(selection)
    return [
        rows_of(collect([read_parquet(path) for path in paths]), grids)
        for paths in (files.scores, files.collapse, files.fms)
        if paths
    ]
