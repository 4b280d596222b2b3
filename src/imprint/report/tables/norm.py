"""NORM ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.report.tables.component_ranking import component_ranking
from imprint.report.tables.registry import Presets, table

if TYPE_CHECKING:
    import pandas as pd


@table("norm", title="NORM with the best of GEN and AGG", category="Components")
def norm(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per (NORMpre, NORMpost, NORMinf), each with the best GEN, k and AGG of each (FM, task)."""
    return component_ranking(scores, "NORM")
