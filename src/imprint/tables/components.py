"""Configurations ranked, and each GEN, NORM and AGG with the best of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.plots.components import COLUMNS, COMPANIONS, best_of_others
from imprint.statistics import METHOD, by_configuration, identical, ranking
from imprint.tables.registry import noted, table

if TYPE_CHECKING:
    import pandas as pd

    from imprint.statistics import Ranking
    from imprint.tables.registry import Presets

NAMES = {"norm_pre": "NORMpre", "gen": "GEN", "norm_post": "NORMpost", "norm_inf": "NORMinf", "agg": "AGG"}
SHOWN = 3  # of the values of a companion, the most frequent


@table("configurations", title="All configurations", category="Components")
def configurations(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per configuration, best mean rank first; over the (FM, task) that all configurations have."""
    import pandas as pd

    rows, medians = by_configuration(scores)
    names = [" ".join(str(part) for part in row if pd.notna(part)) for row in rows.itertuples(index=False)]
    result = ranking(medians.set_axis(names, axis="columns"))
    made = rows.set_axis(names).loc[result.summary.index, METHOD].rename(columns=NAMES)
    return noted(_measured(made, result), *result.notes)


@table("gen", title="GEN with the best of NORM and AGG", category="Components")
def gen(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per GEN, each with the best k, NORM and AGG of each (FM, task)."""
    return _ranked(scores, "GEN")


@table("norm", title="NORM with the best of GEN and AGG", category="Components")
def norm(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per (NORMpre, NORMpost, NORMinf), each with the best GEN, k and AGG of each (FM, task)."""
    return _ranked(scores, "NORM")


@table("agg", title="AGG with the best of GEN and NORM", category="Components")
def agg(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per (AGG, distance, weighting, m), each with the best GEN, k and NORM of each (FM, task)."""
    return _ranked(scores, "AGG")


def _ranked(scores: pd.DataFrame, component: str) -> pd.DataFrame:
    best = best_of_others(scores, component)
    result = ranking(best.accuracies)
    entries = best.entries.loc[result.summary.index]
    made = _measured(entries[COLUMNS[component]].rename(columns=NAMES), result)
    made["combinations"] = entries["combinations"].to_numpy()
    rows = result.accuracies.index
    for companion in COMPANIONS[component]:
        found = [best.companions(entry, companion, rows)[:SHOWN] for entry in entries.index]
        made[f"best {companion}"] = ["\n".join(f"{value}: {count}" for value, count in own) for own in found]
    return noted(made, *result.notes, *identical(result.accuracies), *_choice(entries["combinations"]))


def _choice(combinations: pd.Series) -> tuple[str, ...]:
    least, most = combinations.min(), combinations.max()
    text = f"Picked from {least} to {most} combinations: where there are more, the best can only be higher."
    return (text,) * bool(least < most)


def _measured(frame: pd.DataFrame, result: Ranking) -> pd.DataFrame:
    """The rows, which are in the order of the ranking, with what was measured of them."""
    measures = {
        "mean rank": result.summary["mean_rank"],
        "mean (%)": 100 * result.summary["mean"],
        "std (%)": 100 * result.summary["std"],
        "FM x task": result.rows,
    }
    return frame.assign(**measures).reset_index(drop=True)
