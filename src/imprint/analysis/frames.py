"""Data frames of results: column types, concatenation, and the rows of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from imprint.analysis.distinct_rows import distinct
from imprint.analysis.splits import is_of_split, with_training_samples
from imprint.method.configuration import FIELDS, Configuration
from imprint.method.score_names import ON_VALIDATION, TRAINING_SPLIT, VALIDATION

NULLABLE = ["d", "k", "m"]
_OF_METHOD = [name for name in FIELDS if name not in NULLABLE]
CATEGORIES = ["fm", "task", "family", "datasets", "shots", "split", *_OF_METHOD]

TASK = ("fm", "task", "family", "d")


def task_columns(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that name the task in its rows of scores and of collapse; `spec` is that of the job."""
    return {name: spec[name] for name in TASK}


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert text columns to categories, and integer columns that may have missing values to nullable integers."""
    types = {name: "category" for name in CATEGORIES if name in frame}
    types |= {name: "Int64" for name in NULLABLE if name in frame}
    return frame.astype(types)


def collect(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate the frames of several tasks."""
    combined = pd.concat(
        [table.astype({c: object for c in CATEGORIES if c in table}) for table in tables],
        ignore_index=True,
    )
    return compact(combined)


def rows_of(frame: pd.DataFrame, grids: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of scores, or of collapse, that belong to the grids of an experiment.

    Parameters
    ----------
    frame : DataFrame
        Scores or collapse; it may hold other experiments too.
    grids : sequence of mappings
        See `imprint.study.selections.selection`: groups, configurations, seeds, and for collapse the split. A key whose
        column the frame lacks (collapse has no shots and no configuration) is ignored.

    Returns
    -------
    DataFrame
        The rows in their order; `validation_accuracy` is kept only if the best is chosen on it. Collapse has one split of
        each (FM, task): that of the first grid with this pair; see also `with_training_samples`.
    """
    if "nc1" in frame:
        frame = with_training_samples(frame)
    chosen = np.zeros(len(frame), bool)
    for grid in grids:
        of_grid = _in_grid(frame, grid)
        if "nc1" in frame:
            of_grid &= is_of_split(frame, grid.get("nc1_split", TRAINING_SPLIT))
            of_grid &= ~_is_of_pair_in(frame, frame[chosen])
        chosen |= of_grid
    rows = frame[chosen].reset_index(drop=True)
    # wherever this column is present, the best is chosen on it
    if VALIDATION in rows and not any(g.get("select_on") == ON_VALIDATION for g in grids):
        rows = rows.drop(columns=VALIDATION)
    return rows


def _is_of_pair_in(frame: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Mask of the rows whose (FM, task) is in the other frame."""
    pairs = pd.MultiIndex.from_frame(frame[["fm", "task"]].astype(str))
    return pairs.isin(pd.MultiIndex.from_frame(other[["fm", "task"]].astype(str)))


def _in_grid(frame: pd.DataFrame, grid: Mapping[str, Any]) -> np.ndarray:
    methods = [Configuration.from_dict(fields).columns() for fields in grid["configurations"]]
    chosen = np.ones(len(frame), bool)
    if "seed" in frame:
        chosen &= frame["seed"].isin(grid["seeds"]).to_numpy()
    for requested in (
        pd.DataFrame(grid["groups"], columns=["fm", "task", "shots"], dtype=object),
        pd.DataFrame(methods, columns=list(FIELDS), dtype=object),
    ):
        if columns := [column for column in requested if column in frame]:
            number, rows = distinct(frame, columns)
            wanted = set(_texts(requested[columns]))
            chosen &= np.array([texts in wanted for texts in _texts(rows)], bool)[number]
    return chosen


def _texts(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(map(_text, row)) for row in rows.itertuples(index=False)]


def _text(value: Any) -> str:
    """A value as text, empty if missing, so that columns of different types can be compared."""
    return "" if pd.isna(value) else str(value)
