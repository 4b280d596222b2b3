"""The distinct rows of a frame."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def distinct(frame: pd.DataFrame, columns: Sequence[Hashable]) -> tuple[np.ndarray, pd.DataFrame]:
    """The distinct rows of some columns, in the order in which they first occur; missing values are equal.

    Returns
    -------
    number : ndarray of shape (n,)
        For each row of the frame, which of the distinct rows it has.
    rows : DataFrame
        The distinct rows.
    """
    columns = list(columns)
    number = frame.groupby(columns, observed=True, dropna=False, sort=False).ngroup().to_numpy()
    first = np.unique(number, return_index=True)[1]
    return number, frame[columns].iloc[first].reset_index(drop=True)
