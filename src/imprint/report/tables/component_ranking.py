"""AGGs, GENs and NORMs ranked: one table for each component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from imprint.analysis.component_rankings import (
    BY_CONFIGURATION,
    COLUMNS,
    COMPANIONS,
    best_of_others,
    kept_configurations,
)
from imprint.analysis.matrices import chosen_on, shots_note
from imprint.analysis.ranking import (
    AT_BEST,
    RankedMethods,
    merged,
    merged_note,
    rank_methods,
)
from imprint.method.presets import published_accuracy
from imprint.method.score_names import VALIDATION
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import with_note

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "norm_pre": "NORMpre",
    "gen": "GEN",
    "norm_post": "NORMpost",
    "norm_inf": "NORMinf",
    "agg": "AGG",
}
EQUAL = "equal to"
PUBLISHED = "published mean (%)"
MOST_VALUES = 3  # most values of a companion that are named


def _kept(scores: pd.DataFrame, component: str, of_paper: bool) -> pd.DataFrame:
    kept = kept_configurations(scores, component)
    result = rank_methods(kept.accuracies)
    entries = kept.entries if result.rows else kept.entries.iloc[:0]
    summary = result.summary.loc[entries.index]
    frame = entries[COLUMNS[component]].rename(columns=HEADINGS)
    frame[EQUAL] = [", ".join(kept.equal.get(entry, ())) for entry in entries.index]
    frame["mean rank"] = entries["mean_rank"]
    frame["mean rank of kept"] = summary["mean_rank"]
    frame["mean (%)"] = 100 * summary["mean"]
    frame["std (%)"] = 100 * summary["std"]
    if of_paper:
        fields = kept.configurations.astype(object)
        records = cast(
            "list[dict[str, Any]]", fields.where(fields.notna(), None).to_dict("records")
        )
        frame[PUBLISHED] = [published_accuracy(record) for record in records]
        frame[PUBLISHED] = frame[PUBLISHED].astype(float)
    frame["FM x task"] = result.rows
    for companion in COMPANIONS[component]:
        frame[f"kept {companion}"] = entries[companion]
    frame["configurations"] = entries["configurations"]
    if frame.empty:
        return with_note(frame.reset_index(drop=True), *kept.notes)
    data = "test data, which score it too"
    if chosen_on(scores) == VALIDATION:
        data = "validation samples; test data score it"
    note = (
        f"Kept: of each {component} the configuration with the best mean rank over {result.rows} (FM, task) among all "
        f"{kept.ranked}, chosen on {data}."
    )
    return with_note(
        frame.reset_index(drop=True), note, *kept.notes, *result.notes, *shots_note(scores)
    )


def _with_best_companions(scores: pd.DataFrame, component: str) -> pd.DataFrame:
    best = best_of_others(scores, component)
    accuracies, equal = merged(best.accuracies)
    result = rank_methods(accuracies)
    entries = best.entries.loc[result.summary.index]
    fields = entries[COLUMNS[component]].rename(columns=HEADINGS)
    fields[EQUAL] = [", ".join(equal.get(entry, ())) for entry in entries.index]
    frame = fields.join(measures(result)).reset_index(drop=True)
    frame["combinations"] = entries["combinations"].to_numpy()
    rows = result.accuracies.index
    for companion in COMPANIONS[component]:
        counts = [best.companions(entry, companion, rows)[:MOST_VALUES] for entry in entries.index]
        frame[f"best {companion}"] = [
            "\n".join(f"{value}: {round(count, 1):g}" for value, count in pairs) for pairs in counts
        ]
    notes = [*merged_note(equal, AT_BEST), *result.notes, *shots_note(scores)]
    least, most = entries["combinations"].min(), entries["combinations"].max()
    if least < most:
        notes.append(
            f"Picked from {least} to {most} combinations: where there are more, the best can only be higher."
        )
    return with_note(frame, *notes)


def measures(result: RankedMethods) -> pd.DataFrame:
    """A row per method, in the order of the ranking: mean rank, mean and standard deviation (%), and the number of pairs."""
    import pandas as pd

    return pd.DataFrame(
        {
            "mean rank": result.summary["mean_rank"],
            "mean (%)": 100 * result.summary["mean"],
            "std (%)": 100 * result.summary["std"],
            "FM x task": result.rows,
        }
    )


def _register(component: str) -> None:
    @table(
        component.lower(),
        title=f"{component}s ranked",
        category="Components",
        shared_caption="component_ranking",
        settings=("rank_by", "of_paper"),
        beside=(f"critical_difference_{component.lower()}",),
    )
    def component_ranking(
        scores: pd.DataFrame,
        collapse: pd.DataFrame,
        presets: Presets,
        rank_by: str = BY_CONFIGURATION,
        of_paper: bool = False,
    ) -> pd.DataFrame:
        """A row per entry of the component.

        rank_by: what represents each entry, see `imprint.analysis.component_rankings`. of_paper: whether the FMs and tasks are those
        of the paper, so that its accuracies of the same configurations can be shown beside.
        """
        if rank_by == BY_CONFIGURATION:
            return _kept(scores, component, of_paper)
        return _with_best_companions(scores, component)


for component in ("AGG", "GEN", "NORM"):
    _register(component)
