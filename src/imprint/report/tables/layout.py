"""Shared parts of tables: the order of rows, the columns of a difference, and the note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imprint.analysis.differences import Difference
from imprint.analysis.natural_order import natural_order

if TYPE_CHECKING:
    import pandas as pd

GENERATION_TIME = "generation time (ms)"
# fields of a difference by column
DIFFERENCE_COLUMNS = {
    **{name: name for name in ("datasets", "better", "worse")},
    "95% low (points)": "low",
    "95% high (points)": "high",
}


def with_note(frame: pd.DataFrame, *sentences: str) -> pd.DataFrame:
    """The table with a column `note`, filled in its first row; a table without rows gets a row with only the note."""
    import pandas as pd

    if frame.empty:
        frame = frame.reindex([0])
        sentences = sentences or ("No results in this experiment.",)
    cells = [" ".join(sentences) or None, *[None] * (len(frame) - 1)]
    return frame.assign(note=pd.Series(cells, frame.index))


def sorted_naturally(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows sorted by these columns: numbers, and numbers within names, by value."""
    from pandas.api.types import is_numeric_dtype

    def keys(column: pd.Series) -> pd.Series:
        if is_numeric_dtype(column):
            return column
        return column.map({name: i for i, name in enumerate(natural_order(column))})

    return frame.sort_values(columns, key=keys, kind="stable", ignore_index=True)


def difference_columns(difference: Difference) -> dict[str, Any]:
    """The numbers of datasets, and of those where the first method is better and worse, and the interval."""
    return {column: getattr(difference, name) for column, name in DIFFERENCE_COLUMNS.items()}
