"""All configurations ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.gens import with_k_labels
from imprint.analysis.matrices import METHOD, by_configuration, shots_note
from imprint.analysis.ranking import rank_methods
from imprint.method.configuration import Auto
from imprint.report.registry import Presets, table
from imprint.report.tables.component_ranking import HEADINGS, measures
from imprint.report.tables.layout import with_note

if TYPE_CHECKING:
    import pandas as pd


@table(
    "configurations",
    title="All configurations",
    category="Components",
    leading=("mean rank", "mean (%)"),
)
def configurations(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per configuration, the best mean rank first, over the (FM, task) that all configurations have."""
    import pandas as pd

    rows, medians = by_configuration(scores)
    labels = with_k_labels(rows)["k"]
    if (labels == Auto.label).any():
        rows["k"] = rows["k"].astype(object).where(rows["k"].notna(), labels)
    names = [
        " ".join(str(value) for value in row if pd.notna(value))
        for row in rows.itertuples(index=False)
    ]
    result = rank_methods(medians.set_axis(names, axis="columns"))
    fields = rows.set_axis(names)[METHOD].rename(columns=HEADINGS)
    frame = measures(result).join(fields).reset_index(drop=True)
    return with_note(frame, *result.notes, *shots_note(scores))
