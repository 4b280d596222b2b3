"""Comparison of two studies, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.groups import distinct
from imprint.analysis.matrices import METHOD
from imprint.analysis.selection import method_in_words

if TYPE_CHECKING:
    import pandas as pd

CELL = ["fm", "task", "shots", "draw", "seed", *METHOD]
BY = ("fm", "task", "method")


def paired_cells(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """The cells of two studies, paired by FM, task, shots, draw, seed and configuration.

    Parameters
    ----------
    a, b : DataFrame
        Scores of two studies, with the columns of `CELL` and accuracy (0 to 1).

    Returns
    -------
    DataFrame
        The columns of `CELL`; `method`, the configuration in words; `accuracy_a` and `accuracy_b`, NaN if the study lacks
        the cell; and `difference`, B - A in points.
    """
    import pandas as pd

    columns = [*CELL, "accuracy"]
    scores = pd.concat([a[columns], b[columns]], ignore_index=True)
    number, cells = distinct(scores, CELL)
    method, methods = distinct(cells, METHOD)
    names = [method_in_words(row) for row in methods.to_dict("records")]
    cells["method"] = np.array(names, dtype=object)[method]
    for name, rows in (("accuracy_a", number[: len(a)]), ("accuracy_b", number[len(a) :])):
        accuracies = (a if name == "accuracy_a" else b)["accuracy"].to_numpy(float)
        cells[name] = np.nan
        cells.loc[rows, name] = accuracies
    cells["difference"] = 100 * (cells["accuracy_b"] - cells["accuracy_a"])
    return cells


def summary(cells: pd.DataFrame) -> dict[str, Any]:
    """A summary of the differences of `paired_cells`.

    Returns
    -------
    dict
        Numbers of `pairs`, of `equal` pairs, and of cells in one study (`only_a`, `only_b`); the `mean`, `median` and
        `largest` difference (points), the latter by absolute value; None without pairs.
    """
    differences = cells["difference"].to_numpy()
    differences = differences[~np.isnan(differences)]
    numbers: dict[str, Any] = {
        "pairs": len(differences),
        "equal": int((differences == 0).sum()),
        "only_a": int(cells["accuracy_b"].isna().sum()),
        "only_b": int(cells["accuracy_a"].isna().sum()),
        **dict.fromkeys(("mean", "median", "largest")),
    }
    if len(differences):
        numbers["mean"] = float(differences.mean())
        numbers["median"] = float(np.median(differences))
        numbers["largest"] = float(differences[np.abs(differences).argmax()])
    return numbers


def summaries(cells: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """`summary` for each value of a column, with that value; the largest difference first."""
    groups = cells.groupby(column, observed=True, sort=True)
    rows = [{column: str(value), **summary(group)} for value, group in groups]
    return sorted(rows, key=lambda row: -abs(row["largest"] or 0))
