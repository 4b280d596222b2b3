"""Comparisons of methods for figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imprint.analysis.component_rankings import (
    BY_CONFIGURATION,
    best_of_others,
    kept_configurations,
)
from imprint.analysis.matrices import preset_matrix
from imprint.analysis.ranking import (
    AT_BEST,
    ComparedMethods,
    compare_methods,
    merged,
    merged_note,
)
from imprint.report.registry import NothingToShow, Presets

if TYPE_CHECKING:
    import pandas as pd


# keys of an experiment that name the entries of a component
KEYS = {"GEN": "`gen`", "NORM": "`norm_pre`, `norm_post` or `norm_inf`", "AGG": "`agg`"}


def compared_presets(scores: pd.DataFrame, presets: Presets) -> ComparedMethods:
    """Compare the named methods; raises `NothingToShow` if there are fewer than two."""
    return _compared(preset_matrix(scores, presets), "named methods", "`presets`")


def compared_components(scores: pd.DataFrame, component: str, rank_by: str) -> ComparedMethods:
    """Compare all GENs, NORMs or AGGs; raises `NothingToShow` if there are fewer than two, or all are equal.

    rank_by: what represents each, see `imprint.analysis.component_rankings`.
    """
    notes: tuple[str, ...] = ()
    if rank_by == BY_CONFIGURATION:
        kept = kept_configurations(scores, component)
        matrix, equal, notes = kept.accuracies, kept.equal, kept.notes
    else:
        matrix, equal = merged(best_of_others(scores, component).accuracies)
        notes = merged_note(equal, AT_BEST)
    if equal and len(matrix.columns) == 1:
        raise NothingToShow(" ".join([f"All ranked {component}s are equal.", *notes]))
    names = {name: f"{name} + {len(equal[name])} equal" for name in equal}
    result = _compared(matrix.rename(columns=names), f"{component}s", KEYS[component])
    return replace(result, notes=(*notes, *result.notes))


def _compared(matrix: pd.DataFrame, kind: str, keys: str) -> ComparedMethods:
    result = compare_methods(matrix)
    if len(result.summary) < 2:
        raise NothingToShow(
            f"Fewer than two {kind} have results in this experiment. Add more to its {keys}."
        )
    if not result.rows:
        raise NothingToShow(
            f"The {kind} share no FM and task. Add the missing runs: all of them on the same FMs and tasks."
        )
    return result
