"""FMs ranked, with their size and speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.fms import compare_fms, speed_conditions
from imprint.analysis.splits import nc1_note
from imprint.formatting import count
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import with_note

if TYPE_CHECKING:
    import pandas as pd


@table("fms", title="FMs compared", category="FMs", needs_fms=True)
def compared_fms(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets, fms: pd.DataFrame
) -> pd.DataFrame:
    """A row per FM, the best mean rank over tasks first; unknown values are empty."""
    import pandas as pd

    result = compare_fms(scores, collapse, presets)
    summary = result.summary
    facts = fms.set_index(fms["fm"].astype(str)).reindex(summary.index)
    frame = pd.DataFrame(
        {
            "FM": summary.index,
            "model": facts["model"],
            "mean rank": summary["mean_rank"],
            "mean (%)": 100 * summary["mean"],
            "std (%)": 100 * summary["std"],
            "best (%)": 100 * summary["best"],
            "best configuration": summary["best_configuration"],
            "tasks": len(result.accuracies),
            "nc1": summary["nc1"],
            "embedding size": facts["dimensions"],
            "input size": facts["input_size"],
            "parameters (M)": facts["parameters"].astype(float) / 1e6,
            "images a second": facts["images_per_second"],
            "device": facts["device"],
            "threads": facts["threads"],
        }
    )
    notes = [*result.notes, *speed_conditions(facts), *nc1_note(collapse)]
    if result.configurations:
        extent = f"{count(result.configurations, 'configuration')} that all FMs ran on {count(len(result.accuracies), 'task')}"
        notes.insert(
            0, f"Means over {extent}; the best of them is chosen for each FM on {result.chosen_on}."
        )
    return with_note(frame.reset_index(drop=True), *notes)
