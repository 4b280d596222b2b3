"""Neural collapse by FM and task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.matrices import PAIR
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import sorted_naturally

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ["nc1", "nc1_released", "vci", "trace_w", "trace_b", "rank_w", "rank_b"]


@table(
    "neural_collapse",
    title="Neural collapse",
    category="Neural collapse",
    beside=("nc1_over_d", "gain_over_nc1"),
)
def neural_collapse(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Means over draws of NC1, its released variant, VCI, traces and ranks, by FM, task and split."""
    keys = [*PAIR, "split"]
    groups = collapse.astype(dict.fromkeys(keys, str)).groupby(keys)
    means = groups[["classes", "samples", *MEASURES]].mean()
    means.insert(0, "draws", groups.size())
    means.insert(0, "d", groups["d"].first())
    return sorted_naturally(means.reset_index(), keys)
