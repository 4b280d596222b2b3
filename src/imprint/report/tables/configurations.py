"""All configurations ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.matrices import METHOD, by_configuration
from imprint.analysis.ranking import rank_methods
from imprint.report.tables.component_ranking import HEADINGS, with_measures
from imprint.report.tables.notes import with_note
from imprint.report.tables.registry import Presets, table

if TYPE_CHECKING:
    import pandas as pd


@table("configurations", title="All configurations", category="Components")
def configurations(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per configuration, the best mean rank first; over the (FM, task) that all configurations have."""
    import pandas as pd

    rows, medians = by_configuration(scores)
    names = [
        " ".join(str(value) for value in row if pd.notna(value))
        for row in rows.itertuples(index=False)
    ]
    result = rank_methods(medians.set_axis(names, axis="columns"))
    frame = rows.set_axis(names).loc[result.summary.index, METHOD].rename(columns=HEADINGS)
    return with_note(with_measures(frame, result), *result.notes)
