"""GEN ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.report.tables.component_ranking import component_ranking
from imprint.report.tables.registry import Presets, table

if TYPE_CHECKING:
    import pandas as pd


@table("gen", title="GEN with the best of NORM and AGG", category="Components")
def gen(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per GEN, each with the best k, NORM and AGG of each (FM, task)."""
    return component_ranking(scores, "GEN")
