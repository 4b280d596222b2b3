"""What the figures and tables over k show: one configuration of NORM and AGG, the rest of the grid left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.analysis.gens import gens_of_all_classes, gens_without_k
from imprint.analysis.matrices import fullest, is_value
from imprint.method.configuration import (
    FIELDS,
    IDENTITY,
    INNER_PRODUCT,
    LOGSUMEXP,
    MAX,
    MNN,
    UNIT_LENGTH,
)

if TYPE_CHECKING:
    import pandas as pd

BEST_PRODUCT = "max"  # how figures and tables write plain `max`


def _throughout(norm: str) -> dict[str, str]:
    norms = dict.fromkeys(("norm_pre", "norm_post", "norm_inf"), norm)
    return {**norms, "agg": MAX, "distance": INNER_PRODUCT}


# the paper's own method apart from GEN
L2_MAX = _throughout(UNIT_LENGTH)
# how least squares is defined: l2 costs it much
NONE_MAX = _throughout(IDENTITY)
CONFIGURATION = [name for name in FIELDS if name not in ("gen", "k")]


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts glyphs-d2 before glyphs-d10."""
    return [
        (int(part), "") if part.isdigit() else (-1, part)
        for part in re.split(r"(\d+)", str(name))
        if part
    ]


def natural_order(names: Any) -> list[str]:
    """The distinct names, numbers within them in the order of their value."""
    return sorted(map(str, set(names)), key=natural)


def describe(configuration: Mapping[str, Any]) -> str:
    """NORM and AGG of a configuration in a few words."""
    norms = [configuration[name] for name in ("norm_pre", "norm_post", "norm_inf")]
    same = (
        f"{norms[0]} throughout"
        if len(set(norms)) == 1
        else f"{' / '.join(norms)} (pre / post / inf)"
    )
    return f"NORM {same}; AGG {rule(configuration)}"


def rule(configuration: Mapping[str, Any]) -> str:
    """AGG of a configuration as figures and tables write it: "max", "1-nn euclidean", "5-nn cosine, distance"."""
    if configuration["agg"] == MAX and configuration["distance"] == INNER_PRODUCT:
        return BEST_PRODUCT
    if configuration["agg"] == LOGSUMEXP:
        return f"{LOGSUMEXP} {configuration['distance']}, {configuration['weighting']}"
    # max with a distance is the nearest proxy
    m = 1 if configuration["agg"] == MAX else configuration["m"]
    votes = "" if m == 1 else f", {configuration['weighting']}"
    return f"{m}-nn {configuration['distance']}{votes}"


def standard(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the configuration that is shown, under any shots, and a line that names it.

    l2 throughout with max of inner products; where there is no such row, the most frequent configuration.
    """
    standard = rows[_have(rows, L2_MAX)]
    if len(standard) or rows.empty:
        text = describe(L2_MAX)
    else:
        most = most_frequent(rows)
        standard = rows[_have(rows, most)]
        text = describe(most)
        if not _have(rows, most).all():
            text += " (the most frequent here; l2 throughout with max was not run)"
    return standard, text


def shown(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the configuration that is shown with most shots, and a line that names it.

    Least squares (ls, kls) is taken without normalisation, where it was run so; GENs without a choice of k (mean, all, ls)
    that the configuration lacks from their own most frequent one. The column `norm` names these, and is empty elsewhere.
    """
    import pandas as pd

    whole = fullest(scores)
    rows, text = standard(whole)
    without_k, least_squares = gens_without_k(whole), gens_of_all_classes()
    parts = []
    for gen in dict.fromkeys((*without_k, *least_squares)):
        of_gen = whole[is_value(whole["gen"], gen)]
        other = None
        if gen in least_squares and _have(of_gen, NONE_MAX).any():
            other = NONE_MAX
        elif gen in without_k and len(of_gen) and not is_value(rows["gen"], gen).any():
            other = most_frequent(of_gen)
        if other and describe(other) != text:
            parts.append(of_gen[_have(of_gen, other)].assign(norm=describe(other)))
            rows = rows[~is_value(rows["gen"], gen)]
    parts.insert(0, rows.assign(norm=""))
    shots = rows["shots"].iloc[0] if len(rows) else "full"
    return pd.concat(parts), text if shots == "full" else f"{text}; {shots} shots"


def most_frequent(rows: pd.DataFrame) -> dict[str, Any]:
    """The NORM and AGG with most rows; of equals, the first in alphabetical order."""
    counts = (
        rows.groupby(CONFIGURATION, observed=True, dropna=False).size().reset_index(name="rows")
    )
    order = ["rows", *CONFIGURATION]
    counts = counts.astype({name: str for name in CONFIGURATION if name != "m"})
    first = counts.sort_values(order, ascending=[False] + [True] * len(CONFIGURATION)).iloc[0]
    return {name: first[name] for name in CONFIGURATION}


def _have(rows: pd.DataFrame, configuration: Mapping[str, Any]) -> Any:
    found = is_value(rows["agg"], configuration["agg"])
    for name, value in configuration.items():
        # weighting means nothing to max, and m to votes alone
        has = {"m": configuration["agg"] == MNN, "weighting": configuration["agg"] != MAX}
        if has.get(name, True):
            found = found & is_value(rows[name], value)
    return found


def accuracy_over_k(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Mean, lowest and highest accuracy (%) over seeds and draws for each fm, task, gen and k.

    Columns: fm, task, family, d, gen, k, norm (see `shown`), mean, low, high, runs; and the line that names the
    configuration.
    """
    rows, text = shown(scores)
    keys = ["fm", "task", "family", "d", "gen", "k", "norm"]
    groups = rows.groupby(keys, observed=True, dropna=False)["accuracy"]
    table = groups.agg(["mean", "min", "max", "size"]).reset_index()
    table = table.rename(columns={"min": "low", "max": "high", "size": "runs"})
    table[["mean", "low", "high"]] *= 100
    return table.astype({"fm": str, "task": str, "family": str, "gen": str}), text


def sizes(rows: pd.DataFrame) -> str:
    """How many seeds, and draws where there are several, each value stands for."""
    parts = [(rows["seed"].nunique(), "seed")]
    if rows["draw"].nunique() > 1:
        parts.insert(0, (rows["draw"].nunique(), "draw"))
    return " x ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts)
