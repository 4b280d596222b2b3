"""The named methods ranked: published ones, those of this library, and references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.analysis.gens import k_in_words
from imprint.analysis.matrices import preset_matrix, shots_note
from imprint.analysis.ranking import identical, rank_methods
from imprint.analysis.selection import agg_in_words
from imprint.report.registry import Presets, table
from imprint.report.tables.component_ranking import HEADINGS, PUBLISHED, measures
from imprint.report.tables.layout import with_note

if TYPE_CHECKING:
    import pandas as pd


@table(
    "published_methods",
    title="Named methods",
    category="Methods",
    settings=("of_paper",),
    leading=("method", "mean rank", "mean (%)", "std (%)"),
)
def published_methods(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets, of_paper: bool = False
) -> pd.DataFrame:
    """A row per named method, the best mean rank first, over the (FM, task) that all of them have.

    of_paper: whether the FMs and tasks are those of the paper. Then its accuracies are shown beside, unless an (FM, task) is
    left out, and a published method without any result comes last, with only its published accuracy.
    """
    import pandas as pd

    methods = {preset["label"]: preset for preset in presets.values()}
    matrix = preset_matrix(scores, presets)
    if of_paper:
        matrix = matrix.reindex(
            columns=[name for name in methods if name in matrix or methods[name]["published"]]
        )
    result = rank_methods(matrix)
    order = list(result.summary.index)
    if of_paper:
        order += [name for name in matrix if name not in result.summary.index]
    columns = ["method", "kind", "norm_pre", "gen", "k", "norm_post", "norm_inf", "agg"]
    rows = [_parts(methods[name]) for name in order]
    frame = pd.DataFrame(rows, order, columns).rename(columns=HEADINGS).join(measures(result))
    frame["FM x task"] = frame["FM x task"].fillna(0).astype(int)
    if of_paper and not result.left_out:
        frame[PUBLISHED] = pd.Series([methods[name]["published"] for name in order], order, float)
    notes = [*result.notes, *identical(result.accuracies), *shots_note(scores)]
    return with_note(frame.reset_index(drop=True), *notes)


def _parts(preset: Mapping[str, Any]) -> dict[str, Any]:
    """The name of a method, its kind and its parts; k is a number, "auto" where the training samples choose it, or "all"."""
    k = k_in_words(preset["gen"], preset["k"]).removeprefix("k = ").removesuffix(" samples")
    kind = "reference" if preset.get("reference") else "imprinting"
    words = {"method": preset["label"], "kind": kind, "k": k, "agg": agg_in_words(preset)}
    return {**preset, **words}
