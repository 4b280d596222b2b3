"""Rankings of configurations and of one component, as tables show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.components import COLUMNS, COMPANIONS, best_of_others
from imprint.analysis.ranking import RankedMethods, identical, rank_methods
from imprint.report.tables.notes import with_note

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "norm_pre": "NORMpre",
    "gen": "GEN",
    "norm_post": "NORMpost",
    "norm_inf": "NORMinf",
    "agg": "AGG",
}
MOST = 3  # values of a companion that are named


def component_ranking(scores: pd.DataFrame, component: str) -> pd.DataFrame:
    """A row per GEN, NORM or AGG (the component), each with the best of the others of each (FM, task)."""
    best = best_of_others(scores, component)
    result = rank_methods(best.accuracies)
    entries = best.entries.loc[result.summary.index]
    frame = with_measures(entries[COLUMNS[component]].rename(columns=HEADINGS), result)
    frame["combinations"] = entries["combinations"].to_numpy()
    rows = result.accuracies.index
    for companion in COMPANIONS[component]:
        counts = [best.companions(entry, companion, rows)[:MOST] for entry in entries.index]
        frame[f"best {companion}"] = [
            "\n".join(f"{value}: {count}" for value, count in pairs) for pairs in counts
        ]
    notes = [*result.notes, *identical(result.accuracies)]
    least, most = entries["combinations"].min(), entries["combinations"].max()
    if least < most:
        notes.append(
            f"Picked from {least} to {most} combinations: where there are more, the best can only be higher."
        )
    return with_note(frame, *notes)


def with_measures(frame: pd.DataFrame, result: RankedMethods) -> pd.DataFrame:
    """The rows, which are in the order of the ranking, with mean rank, mean and standard deviation (%)."""
    measures = {
        "mean rank": result.summary["mean_rank"],
        "mean (%)": 100 * result.summary["mean"],
        "std (%)": 100 * result.summary["std"],
    }
    measured = frame.assign(**measures)
    measured["FM x task"] = result.rows
    return measured.reset_index(drop=True)
