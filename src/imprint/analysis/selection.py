"""Selection of the rows that figures and tables over k show: those of one NORM and AGG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.analysis.gens import gens_of_all_classes, gens_without_k, k_in_words
from imprint.analysis.matrices import METHOD, NORM, PAIR, fullest, is_value, with_few_shots
from imprint.formatting import count
from imprint.method.configuration import (
    FIELDS,
    IDENTITY,
    INNER_PRODUCT,
    MAX,
    UNIT_LENGTH,
)

if TYPE_CHECKING:
    import pandas as pd

THROUGHOUT, ORDER = "throughout", " (pre / post / inf)"
BEST_PRODUCT = "max"  # how figures and tables write plain `max`


def _throughout(norm: str) -> dict[str, str]:
    return {**dict.fromkeys(NORM, norm), "agg": MAX, "distance": INNER_PRODUCT}


# the paper's own method apart from GEN
L2_MAX = _throughout(UNIT_LENGTH)
# least squares is defined without normalisation; l2 costs it much accuracy
NONE_MAX = _throughout(IDENTITY)
CONFIGURATION = [name for name in FIELDS if name not in ("gen", "k")]


def describe(configuration: Mapping[str, Any]) -> str:
    """NORM and AGG of a configuration in a few words."""
    norm = norms_in_words(configuration)
    order = "" if norm.endswith(THROUGHOUT) else ORDER
    return f"NORM {norm}{order}; AGG {agg_in_words(configuration)}"


def differing(described: str, text: str) -> str:
    """The parts of a configuration, see `describe`, that a text does not name: of "NORM none throughout; AGG max" the NORM."""
    parts = [part for part in described.split("; ") if part not in text]
    return "; ".join(parts).replace(ORDER, "")


def method_in_words(columns: Mapping[Any, Any]) -> str:
    """A method, by its columns in frames, in a few words: "kmeans, k = 20; NORM l2 throughout; AGG max"."""
    gen = columns["gen"]
    gen_and_k = ", ".join(filter(None, (gen, k_in_words(gen, columns["k"]))))
    return f"{gen_and_k}; {describe(columns)}"


def norms_in_words(configuration: Mapping[str, Any]) -> str:
    """NORMpre, NORMpost and NORMinf: "l2 throughout", "l2 / whiten+l2 / l2"."""
    norms = [configuration[name] for name in NORM]
    return f"{norms[0]} {THROUGHOUT}" if len(set(norms)) == 1 else " / ".join(norms)


def agg_in_words(configuration: Mapping[str, Any]) -> str:
    """AGG of a configuration as figures and tables write it: "max", "1-nn euclidean", "5-nn cosine, distance"."""
    if configuration["agg"] == MAX and configuration["distance"] == INNER_PRODUCT:
        return BEST_PRODUCT
    import pandas as pd

    # max with a distance is the nearest proxy
    m = 1 if configuration["agg"] == MAX else configuration["m"]
    has_m = not pd.isna(m)
    rule = f"{m}-nn" if has_m else configuration["agg"]
    weighs = not (has_m and m == 1) and not pd.isna(configuration["weighting"])
    weighting = f", {configuration['weighting']}" if weighs else ""
    return f"{rule} {configuration['distance']}{weighting}"


def standard(rows: pd.DataFrame) -> tuple[dict[str, Any], str]:
    """The configuration to show, and a line that names it.

    It is l2 throughout with max of inner products or, if there is no such row, the most frequent configuration.
    """
    if rows.empty or _have(rows, L2_MAX).any():
        return L2_MAX, describe(L2_MAX)
    most = most_frequent(rows)
    text = describe(most)
    if not _have(rows, most).all():
        text += " (the most frequent here; l2 throughout with max was not run)"
    return most, text


def shown(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the `standard` configuration with the most shots, and a line that names it.

    Least squares (ls, kls) is shown without normalisation, if it was run so. A GEN without a choice of k (mean, all, ls) that
    was not run with this configuration is shown with its most frequent one. The column `norm` names such another
    configuration, and is empty elsewhere.
    """
    candidates = fullest(scores)
    configuration, text = standard(candidates)
    rows = _completed(candidates, configuration, describe(configuration))
    return rows, text + with_few_shots(candidates)


def _completed(rows: pd.DataFrame, configuration: Mapping[str, Any], usual: str) -> pd.DataFrame:
    """The rows of a configuration, and those of GENs that are shown with another one than the figure's `usual`; see `shown`."""
    import pandas as pd

    completed = rows[_have(rows, configuration)]
    without_k, least_squares = gens_without_k(rows), gens_of_all_classes()
    parts = []
    for gen in dict.fromkeys((*without_k, *least_squares)):
        of_gen = rows[is_value(rows["gen"], gen)]
        other = None
        if gen in least_squares and _have(of_gen, NONE_MAX).any():
            other = NONE_MAX
        elif gen in without_k and len(of_gen) and not is_value(completed["gen"], gen).any():
            other = most_frequent(of_gen)
        if other and describe(other) != usual:
            parts.append(of_gen[_have(of_gen, other)].assign(norm=describe(other)))
            completed = completed[~is_value(completed["gen"], gen)]
    return pd.concat([completed.assign(norm=""), *parts])


def shown_norms(rows: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], str]:
    """The rows of each NORM that GENs with a choice of k were run with, with the shown AGG.

    Parameters
    ----------
    rows : DataFrame
        Scores of any shots.

    Returns
    -------
    of_norms : dict
        Rows with the column `norm` (see `shown`) by the name of the NORM; that of `standard` is first.
    text : str
        A line that names the configuration of the first.
    """
    configuration, text = standard(rows)
    usual = describe(configuration)
    of_norms = {norms_in_words(configuration): _completed(rows, configuration, usual)}
    with_k = rows[~rows["gen"].isin(gens_without_k(rows))]
    agg = {name: configuration[name] for name in configuration if name not in NORM}
    same_agg = with_k[_have(with_k, agg)] if len(with_k) else with_k
    for norms in same_agg[NORM].astype(str).drop_duplicates().to_dict("records"):
        other = {**configuration, **norms}
        if norms_in_words(other) not in of_norms:
            of_norms[norms_in_words(other)] = _completed(rows, other, usual)
    return of_norms, text


def most_frequent(rows: pd.DataFrame) -> dict[str, Any]:
    """The NORM and AGG with the most rows; ties go to the first in alphabetical order."""
    counts = (
        rows.groupby(CONFIGURATION, observed=True, dropna=False).size().reset_index(name="rows")
    )
    order = ["rows", *CONFIGURATION]
    texts = counts.astype({name: str for name in CONFIGURATION if name != "m"})
    texts = texts.sort_values(order, ascending=[False] + [True] * len(CONFIGURATION))
    first = counts.loc[texts.index[0]]
    return {name: first[name] for name in CONFIGURATION}


def _have(rows: pd.DataFrame, configuration: Mapping[str, Any]) -> Any:
    import pandas as pd

    matches = is_value(rows["agg"], configuration["agg"])
    for name, value in configuration.items():
        if not pd.isna(value):  # m, or the weighting, of an AGG that has none
            matches = matches & is_value(rows[name], value)
    return matches


def accuracy_over_k(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Mean, lowest and highest accuracy (%) over seeds and draws for each fm, task, gen and k.

    Columns: fm, task, family, d, gen, k, norm (see `shown`), mean, low, high, runs, below and above. Also returns the line
    that names the configuration.
    """
    rows, text = shown(scores)
    return means_over_k(rows), text


def means_over_k(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """The table of `accuracy_over_k` for rows with the column `norm`, by further columns such as shots.

    below, above: ends of the 95% interval of an accuracy on that number of test samples, means over the runs.
    """
    keys = ["fm", "task", "family", "d", "gen", "k", "norm", *by]
    groups = rows.groupby(keys, observed=True, dropna=False)
    table = groups["accuracy"].agg(["mean", "min", "max", "size"])
    table = table.rename(columns={"min": "low", "max": "high", "size": "runs"})
    table[["below", "above"]] = groups[["accuracy_low", "accuracy_high"]].mean().to_numpy()
    table = table.reset_index()
    table[["mean", "low", "high", "below", "above"]] *= 100
    return table.astype({"fm": str, "task": str, "family": str, "gen": str})


def sizes(rows: pd.DataFrame) -> str:
    """The number of seeds, and of draws if there are several, behind each value."""
    values = rows.groupby([*PAIR, "shots", *METHOD], observed=True, dropna=False)
    seeds, draws = (values[name].nunique() for name in ("seed", "draw"))
    of_seeds = from_to(seeds, "seed")
    return f"{from_to(draws, 'draw')} x {of_seeds}" if draws.max() > 1 else of_seeds


def from_to(counts: pd.Series, noun: str) -> str:
    """Counts in words: "3 seeds", "1 to 3 seeds"."""
    if counts.empty:
        return count(0, noun)
    most = count(int(counts.max()), noun)
    return most if counts.min() == counts.max() else f"{counts.min()} to {most}"
