"""Comparison of two studies, run by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.distinct_rows import distinct
from imprint.analysis.matrices import METHOD
from imprint.analysis.selection import method_in_words

if TYPE_CHECKING:
    import pandas as pd

RUN = ["fm", "task", "shots", "draw", "seed", *METHOD]
BY = ("fm", "task", "method")


def paired_runs(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """The runs of two studies, paired by FM, task, shots, draw, seed and configuration.

    Parameters
    ----------
    a, b : DataFrame
        Scores of two studies, with the columns of `RUN` and accuracy (0 to 1).

    Returns
    -------
    DataFrame
        The columns of `RUN`; `method`, the configuration in words; `accuracy_a` and `accuracy_b`, NaN if the study lacks
        the run; and `difference`, B - A in points.
    """
    import pandas as pd

    columns = [*RUN, "accuracy"]
    scores = pd.concat([a[columns], b[columns]], ignore_index=True)
    number, runs = distinct(scores, RUN)
    method, methods = distinct(runs, METHOD)
    names = [method_in_words(row) for row in methods.to_dict("records")]
    runs["method"] = np.array(names, dtype=object)[method]
    for name, rows in (("accuracy_a", number[: len(a)]), ("accuracy_b", number[len(a) :])):
        accuracies = (a if name == "accuracy_a" else b)["accuracy"].to_numpy(float)
        runs[name] = np.nan
        runs.loc[rows, name] = accuracies
    runs["difference"] = 100 * (runs["accuracy_b"] - runs["accuracy_a"])
    return runs


def summary(runs: pd.DataFrame) -> dict[str, Any]:
    """A summary of the differences of `paired_runs`.

    Returns
    -------
    dict
        Numbers of `pairs`, of `equal` pairs, and of runs in one study (`only_a`, `only_b`); the `mean`, `median` and
        `largest` difference (points), the latter by absolute value; None without pairs.
    """
    differences = runs["difference"].to_numpy()
    differences = differences[~np.isnan(differences)]
    numbers: dict[str, Any] = {
        "pairs": len(differences),
        "equal": int((differences == 0).sum()),
        "only_a": int(runs["accuracy_b"].isna().sum()),
        "only_b": int(runs["accuracy_a"].isna().sum()),
        **dict.fromkeys(("mean", "median", "largest")),
    }
    if len(differences):
        numbers["mean"] = float(differences.mean())
        numbers["median"] = float(np.median(differences))
        numbers["largest"] = float(differences[np.abs(differences).argmax()])
    return numbers


def summaries(runs: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """`summary` for each value of a column, with that value; the largest difference first."""
    groups = runs.groupby(column, observed=True, sort=True)
    rows = [{column: str(value), **summary(group)} for value, group in groups]
    return sorted(rows, key=lambda row: -abs(row["largest"] or 0))
