"""What was measured by FM, task, GEN and k: accuracy, time, and neural collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.plots.selection import accuracy_over_k as over_k
from imprint.plots.selection import natural
from imprint.statistics import PAIR, fullest
from imprint.tables.registry import noted, table

if TYPE_CHECKING:
    import pandas as pd

    from imprint.tables.registry import Presets


@table("accuracy_over_k", title="Accuracy over the number of proxies", category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Mean, lowest and highest accuracy over seeds and draws by FM, task, GEN and k, and the NORM and AGG shown."""
    numbers, text = over_k(scores)
    numbers = numbers.sort_values(
        ["fm", "task", "gen", "k"], key=_natural_keys, kind="stable", ignore_index=True
    )
    return numbers.assign(configuration=numbers["norm"].where(numbers["norm"] != "", text))[
        ["fm", "task", "gen", "k", "mean", "low", "high", "runs", "configuration"]
    ].rename(columns={"mean": "mean (%)", "low": "lowest (%)", "high": "highest (%)"})


@table("runtime", title="Time to generate proxies", category="Proxies per class")
def runtime(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Seconds that one set of proxies takes, by GEN and k: median, lowest and highest of the (FM, task).

    The time of a (FM, task) is the median over seeds, draws and NORMpre. Numbers of training samples and of proxies are
    medians too; the former is known where all samples are used.
    """
    rows = fullest(scores)
    kind = ["gen", "k"]
    sets = rows.groupby([*PAIR, *kind, "norm_pre", "draw", "seed"], observed=True, dropna=False, sort=False)[
        ["seconds", "proxies"]
    ].first()
    places = sets.groupby([*PAIR, *kind], observed=True, dropna=False).median().reset_index()
    places = places.astype({"fm": str, "task": str, "gen": str})
    samples = collapse.astype({"fm": str, "task": str}).groupby(PAIR)["samples"].median()
    places = places.join(samples if (rows["shots"] == "full").all() else samples.iloc[:0], on=PAIR)
    groups = places.groupby(kind, dropna=False)
    made = groups["seconds"].agg(["median", "min", "max", "size"])
    made = made.join(groups[["proxies", "samples"]].median()).reset_index()
    made = made.sort_values(kind, key=_natural_keys, kind="stable", ignore_index=True)
    names = {
        "gen": "GEN",
        "median": "median (s)",
        "min": "lowest (s)",
        "max": "highest (s)",
        "size": "FM x task",
    }
    made = made.rename(columns=names)[
        ["GEN", "k", *list(names.values())[1:4], "proxies", "samples", "FM x task"]
    ]
    everywhere = places[PAIR].drop_duplicates()
    fewer = (made["FM x task"] < len(everywhere)).any()
    note = f"Not all were run on all {len(everywhere)} (FM, task): compare only those with equal `FM x task`."
    return noted(made, *[note] * bool(fewer))


@table("neural_collapse", title="Neural collapse", category="Neural collapse")
def neural_collapse(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """NC1, its released variant, VCI, traces and ranks by FM and task: means over draws."""
    measures = ["classes", "samples", "nc1", "nc1_released", "vci", "trace_w", "trace_b", "rank_w", "rank_b"]
    groups = collapse.astype({"fm": str, "task": str}).groupby(PAIR)
    means = groups[measures].mean()
    means.insert(0, "draws", groups.size())
    means.insert(0, "d", groups["d"].first())
    return means.reset_index().sort_values(PAIR, key=_natural_keys, ignore_index=True)


def _natural_keys(column: pd.Series) -> pd.Series:
    """Names ordered with the numbers in them by value; numbers as they are."""
    if column.name not in (*PAIR, "gen"):
        return column
    position = {name: i for i, name in enumerate(sorted(column.unique(), key=natural))}
    return column.map(position)
