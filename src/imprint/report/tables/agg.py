"""AGG ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.report.tables.component_ranking import component_ranking
from imprint.report.tables.registry import Presets, table

if TYPE_CHECKING:
    import pandas as pd


@table("agg", title="AGG with the best of GEN and NORM", category="Components")
def agg(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per (AGG, distance, weighting, m), each with the best GEN, k and NORM of each (FM, task)."""
    return component_ranking(scores, "AGG")
