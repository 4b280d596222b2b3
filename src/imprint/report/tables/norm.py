"""NORM ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imprint.report.registry import Presets, table
from imprint.report.tables.component_ranking import SETTINGS, component_ranking

if TYPE_CHECKING:
    import pandas as pd


@table(
    "norm",
    title="NORMs ranked",
    category="Components",
    settings=SETTINGS,
    beside=("critical_difference_norm",),
)
def norm(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets, **settings: Any
) -> pd.DataFrame:
    """A row per (NORMpre, NORMpost, NORMinf); `settings` are those of `component_ranking`."""
    return component_ranking(scores, "NORM", **settings)
