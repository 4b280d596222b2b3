"""k chosen by the task against every fixed k, and against the best of these in hindsight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.hypothesis_tests import signed_rank
from imprint.analysis.intervals import FEWEST, mean_intervals
from imprint.analysis.matrices import PAIR, fullest, is_value
from imprint.analysis.selection import CONFIGURATION, L2_MAX
from imprint.method.configuration import Auto
from imprint.report.tables.notes import with_note
from imprint.report.tables.registry import Presets, table

if TYPE_CHECKING:
    import pandas as pd

GEN = "kmeans"
AUTO, HINDSIGHT = Auto.label, "best in hindsight"
COLUMNS = [
    "k",
    "mean (%)",
    "proxies per class",
    "time (s)",
    "auto - k (points)",
    "better",
    "worse",
    "p",
    "low (points)",
    "high (points)",
]


@table("choice_of_k", title="k chosen by the task", category="Proxies per class")
def choice_of_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Accuracy, proxies per class and time of k-means with each k, with k = auto, and with the best k in hindsight.

    By max with l2 throughout, or else under whichever NORM and AGG comes first. A place is an (FM, task), in families
    a draw; its accuracy is the median over seeds. Differences are auto minus the row's.
    """
    import pandas as pd

    medians = _medians(scores)
    if AUTO not in medians["accuracy"]:
        return with_note(
            pd.DataFrame(columns=["k"]), "No results of k-means with k = auto in this experiment."
        )
    accuracy = medians["accuracy"].dropna() * 100
    proxies, seconds = (medians[name].loc[accuracy.index] for name in ("proxies", "seconds"))
    fixed = sorted(accuracy.columns.drop(AUTO).astype(int))
    classes = proxies[min(fixed)] / min(fixed) if fixed else np.nan
    rows = []
    for k in [*fixed, AUTO]:
        rows.append(
            {
                "k": str(k),
                "mean (%)": accuracy[k].mean(),
                "proxies per class": (proxies[k] / classes).mean(),
                "time (s)": seconds[k].mean(),
                **({} if k == AUTO else _against(accuracy[AUTO] - accuracy[k])),
            }
        )
    if fixed:
        best = accuracy[fixed].max(axis=1)
        rows.append({"k": HINDSIGHT, "mean (%)": best.mean(), **_against(accuracy[AUTO] - best)})
    return with_note(
        pd.DataFrame(rows, columns=COLUMNS),
        f"{len(accuracy)} places; an interval is of 95%, by bootstrap over them, of fewer than {FEWEST} there is none.",
    )


def _medians(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Medians over seeds of accuracy, proxies and seconds: for each a row per place and a column per k."""
    rows = fullest(scores)
    rows = rows[is_value(rows["gen"], GEN)]
    chosen = np.logical_and.reduce([is_value(rows[name], value) for name, value in L2_MAX.items()])
    if not chosen.any() and len(rows):
        groups = rows.groupby(CONFIGURATION, observed=True, dropna=False, sort=False)
        chosen = (groups.ngroup() == 0).to_numpy()
    rows = rows[chosen]
    k = rows["k"].astype(object).where(rows["k"].notna(), AUTO)
    groups = rows.assign(k=k).groupby([*PAIR, "draw", "k"], observed=True)
    return {name: groups[name].median().unstack("k") for name in ("accuracy", "proxies", "seconds")}


def _against(difference: pd.Series) -> dict[str, Any]:
    """Auto minus another choice: mean, how often it is better and worse, Wilcoxon's p, and an interval of the mean."""
    low, high = mean_intervals(difference.to_numpy()[:, None])
    return {
        "auto - k (points)": difference.mean(),
        "better": int((difference > 1e-9).sum()),
        "worse": int((difference < -1e-9).sum()),
        "p": signed_rank(difference.to_numpy(), np.zeros(len(difference))).p,
        "low (points)": low[0],
        "high (points)": high[0],
    }
