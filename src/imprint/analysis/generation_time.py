"""Generation time: the seconds that one set of proxies takes, all classes together.

Its one definition, for every table and figure: for each FM and task the median over seeds, draws and NORMpre, then the median over these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.matrices import PAIR, fullest

if TYPE_CHECKING:
    import pandas as pd

GENERATION_TIME = "generation time (s)"  # how tables call it
KIND = ["gen", "k"]


def generation_times(scores: pd.DataFrame) -> pd.DataFrame:
    """The times of each FM and task.

    Returns
    -------
    DataFrame
        A row per fm, task, gen and k, with all samples or the most shots: seconds (the median), low and high (over seeds, draws
        and NORMpre), and the median number of proxies.
    """
    keys = [*PAIR, *KIND, "norm_pre", "draw", "seed"]
    # the proxies of one set serve several scorings
    groups = fullest(scores).groupby(keys, observed=True, dropna=False, sort=False)
    sets = groups[["seconds", "proxies"]].first()
    each = sets.groupby([*PAIR, *KIND], observed=True, dropna=False)
    times = each["seconds"].agg(seconds="median", low="min", high="max")
    table = times.join(each["proxies"].median()).reset_index()
    return table.astype({"fm": str, "task": str, "gen": str})
