"""AGG ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imprint.report.registry import Presets, table
from imprint.report.tables.component_ranking import SETTINGS, component_ranking

if TYPE_CHECKING:
    import pandas as pd


@table(
    "agg",
    title="AGGs ranked",
    category="Components",
    settings=SETTINGS,
    beside=("critical_difference_agg",),
)
def agg(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets, **settings: Any
) -> pd.DataFrame:
    """A row per (AGG, distance, weighting, m); `settings` are those of `component_ranking`."""
    return component_ranking(scores, "AGG", **settings)
