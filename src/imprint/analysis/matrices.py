"""Accuracies of methods: medians over seeds and draws, a row for each (FM, task) and a column for each method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.distinct_rows import distinct
from imprint.analysis.gens import has_choice_of_k
from imprint.data.shots import ALL_SHOTS, most_shots
from imprint.formatting import count
from imprint.method.configuration import FIELDS, MAX, Scoring
from imprint.method.score_names import VALIDATION

if TYPE_CHECKING:
    import pandas as pd

PAIR = ["fm", "task"]
METHOD = list(FIELDS)
NORM = ["norm_pre", "norm_post", "norm_inf"]


def fullest(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows with all training samples or, if no run used them all, with the most shots."""
    shots = scores["shots"].dropna().unique()
    if not len(shots):
        return scores
    return scores[is_value(scores["shots"], most_shots(shots))]


def few_shots(scores: pd.DataFrame) -> str:
    """The shots of the `fullest` rows in words, as "20 shots"; empty if these use all training samples."""
    shots = fullest(scores)["shots"].unique()
    return f"{shots[0]} shots" if len(shots) and shots[0] != ALL_SHOTS else ""


def shots_note(scores: pd.DataFrame) -> tuple[str, ...]:
    """A sentence with the `few_shots`, if there are any."""
    shots = few_shots(scores)
    return (f"Run with {shots}.",) if shots else ()


def with_few_shots(scores: pd.DataFrame) -> str:
    """`few_shots` as the end of a list: "; 20 shots"."""
    shots = few_shots(scores)
    return f"; {shots}" if shots else ""


def extent(matrix: pd.DataFrame) -> str:
    """The rows (FM, task) of a matrix in words; one FM is named."""
    fms = matrix.index.get_level_values("fm").unique()
    if len(fms) == 1:
        return f"{fms[0]} on {count(len(matrix), 'task')}"
    return f"{len(matrix)} pairs of FM and task"


def rows_of_method(scores: pd.DataFrame, method: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one method; `method` has the keys of `imprint.method.configuration.FIELDS`.

    k is not compared for a GEN without a choice of k. The 1-nearest-proxy rule has two names, `max` with a distance and
    `mnn` with m = 1; rows of both are included.
    """
    compared = ["gen", *NORM, "distance"]
    if has_choice_of_k(method["gen"]):
        compared.append("k")
    scoring = Scoring(**{name: method[name] for name in Scoring._fields})
    if not scoring.is_nearest:
        compared.append("agg")
        compared += values_of_agg(method)
    chosen = [is_value(scores[column], method[column]) for column in compared]
    if scoring.is_nearest:
        chosen.append(is_value(scores["agg"], MAX) | is_value(scores["m"], 1))
    return scores[np.logical_and.reduce(chosen)]


def chosen_on(scores: pd.DataFrame) -> str:
    """The column on which the best is chosen: accuracy on validation samples if scores have it, else on test samples."""
    return VALIDATION if VALIDATION in scores else "accuracy"


def data_chosen_on(scores: pd.DataFrame) -> str:
    """The data of the column `chosen_on`, in words."""
    return "validation samples" if chosen_on(scores) == VALIDATION else "test data"


def values_of_agg(method: Mapping[Any, Any]) -> list[str]:
    """Which of m and weighting a method has; its AGG decides."""
    import pandas as pd

    return [name for name in ("m", "weighting") if not pd.isna(method[name])]


def is_value(column: pd.Series, value: Any) -> np.ndarray:
    """Mask of the entries of a column, categorical or nullable, that equal a value; missing ones never do."""
    return (column == value).to_numpy(bool, na_value=False)


def accuracy_matrix(scores: pd.DataFrame, methods: Mapping[Any, Mapping[str, Any]]) -> pd.DataFrame:
    """Median accuracy (0..1) over seeds and draws: a row per (fm, task), a column per method, NaN where missing."""
    import pandas as pd

    rows = fullest(scores)
    of_methods = {name: rows_of_method(rows, method) for name, method in methods.items()}
    medians = {
        name: chosen.groupby(PAIR, observed=True)["accuracy"].median()
        for name, chosen in of_methods.items()
        if len(chosen)
    }
    if not medians:
        nothing = pd.MultiIndex.from_arrays([[], []], names=PAIR)
        return pd.DataFrame(index=nothing, columns=list(methods), dtype=float)
    return pd.DataFrame(medians).reindex(columns=list(methods)).astype(float)


def preset_matrix(scores: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """`accuracy_matrix` of the presets that have scores, by label.

    presets: see `imprint.method.presets.preset_rows`.
    """
    matrix = accuracy_matrix(scores, {preset["label"]: preset for preset in presets.values()})
    return matrix.dropna(axis="columns", how="all")


def by_configuration(
    scores: pd.DataFrame, column: str = "accuracy"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Median over seeds and draws of the accuracy (0..1), or another column, of every configuration.

    Returns the configurations, a row each, and a matrix: a row per (fm, task), a column per configuration (its row number),
    NaN where missing.
    """
    rows = fullest(scores)
    number, configurations = distinct(rows, METHOD)
    medians = rows.groupby([*PAIR, number], observed=True)[column].median()
    return configurations, medians.unstack().reindex(columns=range(len(configurations)))


def with_criterion(scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Configurations and their medians, see `by_configuration`, and the medians of the score that they are chosen on."""
    configurations, medians = by_configuration(scores)
    score = chosen_on(scores)
    criterion = medians if score == "accuracy" else by_configuration(scores, score)[1]
    return configurations, medians, criterion
