"""The scores of the explorer: a row per FM, task, shots and method, with medians over seeds and draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imprint.analysis.distinct_rows import distinct
from imprint.analysis.gens import SAME_WITH_ONE, k_in_words
from imprint.analysis.matrices import METHOD, NORM
from imprint.analysis.natural_order import natural
from imprint.analysis.selection import agg_in_words
from imprint.analysis.splits import of_split

if TYPE_CHECKING:
    import pandas as pd

TASK = ["FM", "task", "d"]
CHOICES = ["GEN", "k", "NORM", "AGG"]
TEXTS = [*TASK, "shots", *CHOICES]


def explored(scores: pd.DataFrame, collapse: pd.DataFrame) -> pd.DataFrame:
    """Medians over seeds and draws of all scores of a study.

    Returns columns of texts: FM, task (or the name of its family), d (empty outside families), shots, GEN, k, NORM
    (pre/post/inf), AGG; and of numbers: accuracy, lowest, highest (%), seeds, draws, gain (points) over one proxy with all
    else equal, and the NC1 of the training embeddings, missing where gain is. Rows are sorted by the texts, numbers by value
    and before words.
    """
    import pandas as pd

    collapse = of_split(collapse)
    number, methods = distinct(scores, METHOD)
    words = pd.DataFrame([in_words(row) for row in methods.to_dict("records")], dtype="category")
    rows = _tasks(scores).join(words.iloc[number].reset_index(drop=True))
    rows = rows.join(scores[["shots", "accuracy", "seed", "draw"]].reset_index(drop=True))
    groups = rows.groupby(TEXTS, observed=True)
    table = 100 * groups["accuracy"].agg(["median", "min", "max"])
    table = table.set_axis(["accuracy", "lowest", "highest"], axis=1)
    table[["seeds", "draws"]] = groups[["seed", "draw"]].nunique()
    table = table.reset_index().astype(dict.fromkeys(TEXTS, str))
    nc1 = _tasks(collapse).assign(NC1=collapse["nc1"].to_numpy()).astype(dict.fromkeys(TASK, str))
    table = table.merge(_gains(table), how="left")
    table = table.merge(nc1.groupby(TASK, as_index=False)["NC1"].mean(), how="left")
    table["NC1"] = table["NC1"].where(table["gain"].notna())
    return table.sort_values(TEXTS, key=_ranks, ignore_index=True)


def in_words(method: Mapping[Any, Any]) -> dict[str, str]:
    """GEN, k, NORM and AGG in words; `method` has the keys of `imprint.method.configuration.FIELDS`."""
    norms = "/".join(method[name] for name in NORM)
    k = k_in_words(method["gen"], method["k"]).removeprefix("k = ")
    return {"GEN": method["gen"], "k": k, "NORM": norms, "AGG": agg_in_words(method)}


def in_order(texts: Iterable[str]) -> list[str]:
    """The distinct texts that are not empty: numbers by value, then words."""
    return sorted(set(texts) - {""}, key=lambda text: (not text[0].isdigit(), natural(text)))


def _ranks(texts: pd.Series) -> pd.Series:
    return texts.map({text: rank for rank, text in enumerate(["", *in_order(texts)])})


def _tasks(frame: pd.DataFrame) -> pd.DataFrame:
    """FM, task and d of rows of scores or collapse, as categories."""
    tasks = frame[["fm", "family", "d"]].set_axis(TASK, axis=1).reset_index(drop=True)
    d = tasks["d"].astype(object).where(tasks["d"].notna(), "").astype(str)
    return tasks.assign(d=d.astype("category"))


def _gains(table: pd.DataFrame) -> pd.DataFrame:
    """The texts and `gain` of the rows with several proxies that have a counterpart with k = 1 and all else equal."""
    import pandas as pd

    equal = [name for name in TEXTS if name != "k"]
    one = table.loc[table["k"] == "1", [*equal, "accuracy"]]
    same = one.assign(GEN=one["GEN"].map(SAME_WITH_ONE)).dropna()
    one = pd.concat([one, same]).drop_duplicates(equal)
    pairs = table[table["k"] != "1"].merge(one, on=equal, suffixes=("", " of one"))
    return pairs.assign(gain=pairs["accuracy"] - pairs["accuracy of one"])[[*TEXTS, "gain"]]
