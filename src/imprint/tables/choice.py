"""k chosen by the task against every fixed k, and the best of these in hindsight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.statistics import FEWEST, PAIR, fullest, mean_intervals, signed_rank
from imprint.tables.registry import noted, table

if TYPE_CHECKING:
    import pandas as pd

    from imprint.tables.registry import Presets

GEN = "kmeans"
AUTO, HINDSIGHT = "auto", "best in hindsight"


@table("choice_of_k", title="k chosen by the task", category="Proxies per class")
def choice_of_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Accuracy, proxies per class and time of k-means with each k, with k = auto, and with the best k in hindsight.

    By max with l2 throughout, or else under whichever NORM and AGG comes first. A place is an (FM, task), in families a draw;
    its accuracy the median over seeds. Differences are auto minus the row's.
    """
    import numpy as np
    import pandas as pd

    rows = fullest(scores)
    rows = rows[(rows["gen"] == GEN).to_numpy()]
    l2 = (rows[["norm_pre", "norm_post", "norm_inf"]].astype(str) == "l2").all(axis=1) & (
        rows["agg"] == "max"
    )
    l2 &= (rows["distance"] == "inner_product").to_numpy()
    if not l2.any() and len(rows):
        parts = ["norm_pre", "norm_post", "norm_inf", "agg", "distance", "weighting", "m"]
        l2 = rows.groupby(parts, observed=True, dropna=False, sort=False).ngroup() == 0
    rows = rows[l2.to_numpy()]
    name = rows["k"].astype(object).where(rows["k"].notna(), AUTO)
    places = [*PAIR, "draw"]
    groups = rows.assign(k=name).groupby([*places, "k"], observed=True)
    found = groups[["accuracy", "proxies", "seconds"]].median().unstack("k")
    if found.empty or AUTO not in found["accuracy"]:
        return noted(pd.DataFrame(columns=["k"]), "No results of k-means with k = auto in this experiment.")
    accuracy = found["accuracy"].dropna() * 100
    fixed = sorted(k for k in accuracy if k != AUTO)
    classes = found.loc[accuracy.index, "proxies"][min(fixed)] / min(fixed) if fixed else np.nan
    table = []
    for k in [*fixed, AUTO]:
        cost = found.loc[accuracy.index, ["proxies", "seconds"]].xs(k, axis=1, level="k")
        table.append(
            {
                "k": str(k),
                "mean (%)": accuracy[k].mean(),
                "proxies per class": (cost["proxies"] / classes).mean(),
                "time (s)": cost["seconds"].mean(),
                **_against(accuracy[AUTO] - accuracy[k], k),
            }
        )
    if fixed:
        best = accuracy[fixed].max(axis=1)
        table.append({"k": HINDSIGHT, "mean (%)": best.mean(), **_against(accuracy[AUTO] - best, HINDSIGHT)})
    frame = pd.DataFrame(table)
    ends = mean_intervals(accuracy[AUTO].to_numpy()[:, None] - _columns(accuracy, fixed))
    frame["low (points)"], frame["high (points)"] = (
        pd.Series(end, dtype=float).reindex(frame.index) for end in ends
    )
    frame.loc[frame["k"] == AUTO, ["low (points)", "high (points)"]] = np.nan
    return noted(
        frame,
        f"{len(accuracy)} places; an interval is of 95%, by bootstrap over them, of fewer than {FEWEST} there is none.",
    )


def _columns(accuracy: pd.DataFrame, fixed: list[int]):
    """Accuracies in the order of the table's rows: each k, auto, the best."""
    import pandas as pd

    best = accuracy[fixed].max(axis=1) if fixed else accuracy[AUTO]
    return pd.concat([accuracy[[*fixed, AUTO]], best], axis=1).to_numpy()


def _against(difference: pd.Series, k: object) -> dict[str, object]:
    """Auto minus another choice: mean, how often it is better and worse, and Wilcoxon's p."""
    if k == AUTO:
        return {}
    return {
        "auto - k (points)": difference.mean(),
        "better": int((difference > 1e-9).sum()),
        "worse": int((difference < -1e-9).sum()),
        "p": signed_rank(difference.to_numpy(), 0 * difference.to_numpy()).p,
    }
