"""Tables of results: their types, putting them together, and the rows that belong to an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from imprint.method import Configuration

CATEGORIES = [
    "fm",
    "task",
    "family",
    "shots",
    "norm_pre",
    "gen",
    "norm_post",
    "norm_inf",
    "agg",
    "distance",
    "weighting",
]
NULLABLE = ["d", "k", "m"]


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Text columns as categories, whole numbers that may be missing as nullable integers."""
    types = {name: "category" for name in CATEGORIES if name in frame}
    types |= {name: "Int64" for name in NULLABLE if name in frame}
    return frame.astype(types)


def collect(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several tasks as one."""
    whole = pd.concat(
        [table.astype({c: object for c in CATEGORIES if c in table}) for table in tables], ignore_index=True
    )
    return compact(whole)


def rows_of(frame: pd.DataFrame, grids: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of scores, or of collapse, that belong to the grids of an experiment: see `Study.selection`.

    Rows keep their order. A column that the frame lacks (collapse has no shots, no configuration) selects nothing.
    """
    keep = np.zeros(len(frame), bool)
    for grid in grids:
        keep |= _inside(frame, grid)
    return frame[keep].reset_index(drop=True)


def _inside(frame: pd.DataFrame, selection: Mapping[str, Any]) -> np.ndarray:
    groups = pd.DataFrame(selection["groups"], columns=["fm", "task", "shots"], dtype=object)
    chosen = pd.DataFrame(selection["configurations"], columns=list(Configuration._fields), dtype=object)
    keep = frame["seed"].isin(selection["seeds"]).to_numpy() if "seed" in frame else np.ones(len(frame), bool)
    for wanted in (groups, chosen):
        columns = [c for c in wanted if c in frame]
        rows, found = np.zeros(len(frame), dtype=np.int64), np.zeros(len(wanted), dtype=np.int64)
        for column in columns:
            known = {text: i for i, text in enumerate(dict.fromkeys(map(_text, wanted[column])))}
            codes, values = pd.factorize(frame[column], use_na_sentinel=False)
            code = np.array([known.get(_text(value), -1) for value in values], dtype=np.int64)[codes]
            keep = keep & (code >= 0)
            rows = rows * len(known) + code
            found = found * len(known) + wanted[column].map(_text).map(known).to_numpy(np.int64)
        if columns:
            keep = keep & np.isin(rows, found)
    return keep


def _text(value: Any) -> str:
    """A value as text, none as the empty one, so that columns of different types compare."""
    return "" if pd.isna(value) else str(value)
