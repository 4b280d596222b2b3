"""Generation time: the seconds for one set of proxies, all classes together.

Every table and figure takes the median over seeds, draws and NORMpre for each FM and task, then the median over FMs and tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.matrices import PAIR, fullest

if TYPE_CHECKING:
    import pandas as pd

KIND = ["gen", "k"]


def generation_times(scores: pd.DataFrame) -> pd.DataFrame:
    """The generation times of each FM and task.

    Returns
    -------
    DataFrame
        A row per fm, task, gen and k, with all samples or the most shots: the medians of the seconds and of the number of
        proxies.
    """
    keys = [*PAIR, *KIND, "norm_pre", "draw", "seed"]
    # several scorings use the same set of proxies
    groups = fullest(scores).groupby(keys, observed=True, dropna=False, sort=False)
    sets = groups[["seconds", "proxies"]].first()
    each = sets.groupby([*PAIR, *KIND], observed=True, dropna=False)
    table = each[["seconds", "proxies"]].median().reset_index()
    return table.astype({"fm": str, "task": str, "gen": str})
