"""Notes of tables: what a reader must know beside the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def with_note(frame: pd.DataFrame, *sentences: str) -> pd.DataFrame:
    """The table with a column `note`, filled in its first row; a table without rows gets one that holds only this."""
    import pandas as pd

    if frame.empty:
        frame = frame.reindex([0])
        sentences = sentences or ("No results in this experiment.",)
    cells = [" ".join(sentences) or None, *[None] * (len(frame) - 1)]
    return frame.assign(note=pd.Series(cells, frame.index))
