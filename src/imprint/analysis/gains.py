"""The gain of several proxies per class over one, beside the neural collapse (NC1) of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.gens import KMEANS, SAME_WITH_ONE
from imprint.analysis.matrices import is_value
from imprint.analysis.selection import shown

if TYPE_CHECKING:
    import pandas as pd

GEN, K = KMEANS, 5
(SAME,) = (gen for gen, other in SAME_WITH_ONE.items() if other == GEN)


def gains_by_draw(scores: pd.DataFrame) -> pd.DataFrame:
    """The gain of k-means with k = 5 over k = 1 under the shown NORM and AGG, see `imprint.analysis.selection.shown`.

    Returns
    -------
    DataFrame
        fm, task, family, draw, and gain in percentage points, a mean over seeds; no row where one of the two k was not run.
    """
    rows, _ = shown(scores)
    rows = rows[rows["norm"] == ""]
    keys = ["fm", "task", "family", "draw"]

    def means(gen: str, k: int) -> pd.Series:
        chosen = rows[is_value(rows["gen"], gen) & is_value(rows["k"], k)]
        return chosen.groupby(keys, observed=True)["accuracy"].mean()

    gain = 100 * (means(GEN, K) - means(GEN, 1).combine_first(means(SAME, 1)))
    frame = gain.rename("gain").reset_index().astype({"fm": str, "task": str, "family": str})
    return frame.dropna(subset="gain")


def gains_and_nc1(gains: pd.DataFrame, collapse: pd.DataFrame) -> pd.DataFrame:
    """Gain and NC1 of each FM and task, means over the draws that have both: fm, task, family, d, gain and nc1.

    gains: see `gains_by_draw`. collapse: rows of one split.
    """
    nc1 = collapse.astype({"fm": str, "task": str})[["fm", "task", "draw", "d", "nc1"]]
    draws = gains.merge(nc1, on=["fm", "task", "draw"], how="inner")
    groups = draws.groupby(["fm", "task", "family"])
    return groups.agg({"d": "first", "gain": "mean", "nc1": "mean"}).reset_index()
