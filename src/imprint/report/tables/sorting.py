"""The order of rows in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.selection import natural_order

if TYPE_CHECKING:
    import pandas as pd


def sorted_naturally(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows sorted by these columns: names with the numbers in them by value, numbers as they are."""
    from pandas.api.types import is_numeric_dtype

    def keys(column: pd.Series) -> pd.Series:
        if is_numeric_dtype(column):
            return column
        return column.map({name: i for i, name in enumerate(natural_order(column))})

    return frame.sort_values(columns, key=keys, kind="stable", ignore_index=True)
