"""The comparisons that figures of methods draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.components import best_of_others
from imprint.analysis.matrices import preset_matrix
from imprint.analysis.ranking import ComparedMethods, compare_methods
from imprint.report.figures.registry import NothingToShow, Presets

if TYPE_CHECKING:
    import pandas as pd


# where an experiment names the entries of a component
KEYS = {"GEN": "`gen`", "NORM": "`norm_pre`, `norm_post` or `norm_inf`", "AGG": "`agg`"}


def compared_presets(scores: pd.DataFrame, presets: Presets) -> ComparedMethods:
    """The named methods; `NothingToShow` if there are fewer than two."""
    return _compared(preset_matrix(scores, presets), "named methods", "`presets`")


def compared_components(scores: pd.DataFrame, component: str) -> ComparedMethods:
    """All GENs, NORMs or AGGs, each with the best of the other components; `NothingToShow` if there are fewer than two."""
    matrix = best_of_others(scores, component).accuracies
    return _compared(matrix, f"{component}s", KEYS[component])


def _compared(matrix: pd.DataFrame, kind: str, keys: str) -> ComparedMethods:
    result = compare_methods(matrix)
    if len(result.summary) < 2:
        raise NothingToShow(
            f"Fewer than two {kind} have results in this experiment. Add more to its {keys}."
        )
    if not result.rows:
        raise NothingToShow(
            f"The {kind} share no FM and task. Add what is missing: all of them on the same ones."
        )
    return result
