"""The named methods ranked: published ones, those of this library, and references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.analysis.gens import k_in_words
from imprint.analysis.matrices import few_shots, preset_matrix
from imprint.analysis.ranking import identical, rank_methods
from imprint.analysis.selection import agg_in_words
from imprint.report.registry import Presets, table
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
    measured = result.summary.reindex(order)
    keys = ["norm_pre", "gen", "k", "norm_post", "norm_inf", "published"]
    settings = pd.DataFrame([methods[name] for name in order], columns=keys, index=order)
    frame = pd.DataFrame(
        {
            "method": order,
            "kind": [_kind(methods[name]) for name in order],
            "NORMpre": settings["norm_pre"],
            "GEN": settings["gen"],
            "k": [_k(methods[name]) for name in order],
            "NORMpost": settings["norm_post"],
            "NORMinf": settings["norm_inf"],
            "AGG": [agg_in_words(methods[name]) for name in order],
            "mean rank": measured["mean_rank"],
            "mean (%)": 100 * measured["mean"],
            "std (%)": 100 * measured["std"],
            "FM x task": [result.rows if name in result.summary.index else 0 for name in order],
        }
    )
    if of_paper and not result.left_out:
        frame["published mean (%)"] = settings["published"].astype(float).to_numpy()
    notes = [*result.notes, *identical(result.accuracies)]
    if shots := few_shots(scores):
        notes.append(f"Named methods with {shots}.")
    return with_note(frame.reset_index(drop=True), *notes)


def _k(preset: Mapping[str, Any]) -> str:
    """The number of proxies per class: a number, "auto" where the training samples choose it, or "all"."""
    return k_in_words(preset["gen"], preset["k"]).removeprefix("k = ").removesuffix(" samples")


def _kind(preset: Mapping[str, Any]) -> str:
    """Whether a method is imprinting or a reference to compare it with."""
    return "reference" if preset.get("reference") else "imprinting"
