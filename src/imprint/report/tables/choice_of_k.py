"""k chosen by the task, compared with every fixed k and with the best of these in hindsight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imprint.analysis.differences import FEWEST, difference, separate_datasets, too_few
from imprint.analysis.generation_time import generation_times
from imprint.analysis.matrices import PAIR, is_value, shots_note
from imprint.analysis.ranking import are_enough
from imprint.analysis.selection import shown
from imprint.formatting import count
from imprint.method.configuration import Auto
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import (
    DIFFERENCE_COLUMNS,
    GENERATION_TIME,
    difference_columns,
    with_note,
)

if TYPE_CHECKING:
    import pandas as pd

GEN = "kmeans"
AUTO, HINDSIGHT = Auto.label, "best in hindsight"
COLUMNS = [
    "k",
    "mean (%)",
    "proxies per class",
    GENERATION_TIME,
    "auto - k (points)",
    *DIFFERENCE_COLUMNS,
    "p",
]


@table(
    "choice_of_k",
    title="k chosen by the task",
    category="Proxies per class",
    beside=("accuracy_over_k",),
)
def choice_of_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Accuracy, proxies per class and time of k-means with each k, with k = auto, and with the best k in hindsight.

    NORM and AGG are l2 throughout and max or, if k-means was not run with these, its most frequent ones. A place is an
    (FM, task), in families a draw; its accuracy is the median over seeds. Differences are auto minus the row's accuracy,
    tested over datasets.
    """
    import pandas as pd

    medians = _medians(scores)
    if AUTO not in medians["accuracy"]:
        return with_note(
            pd.DataFrame(columns=["k"]), "No results of k-means with k = auto in this experiment."
        )
    accuracy, gaps = _shared(100 * medians["accuracy"])
    if accuracy.empty:
        return with_note(pd.DataFrame(columns=["k"]), *gaps)
    per_class = medians["proxies"].loc[accuracy.index].div(_classes(collapse, accuracy), axis=0)
    seconds = _seconds(scores, accuracy)
    datasets = separate_datasets(scores, accuracy.index.unique("task"))

    def against(other: pd.Series) -> dict[str, Any]:
        over_datasets = difference(accuracy[AUTO] - other, datasets)
        return {
            "auto - k (points)": over_datasets.mean,
            **difference_columns(over_datasets),
            "p": over_datasets.p,
        }

    fixed = sorted(accuracy.columns.drop(AUTO).astype(int))
    rows = []
    for k in [*fixed, AUTO]:
        rows.append(
            {
                "k": str(k),
                "mean (%)": accuracy[k].mean(),
                "proxies per class": per_class[k].mean(),
                GENERATION_TIME: 1000 * seconds[k].median(),
                **({} if k == AUTO else against(accuracy[k])),
            }
        )
    if fixed:
        best = accuracy[fixed].max(axis=1)
        rows.append({"k": HINDSIGHT, "mean (%)": best.mean(), **against(best)})
    separate = len(set(datasets.values()))
    notes = [*gaps, *([too_few(separate)] if fixed and separate < FEWEST else [])]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame = frame.astype(dict.fromkeys(("datasets", "better", "worse"), "Int64"))
    return with_note(frame, f"{count(len(accuracy), 'place')}.", *notes, *shots_note(scores))


def _shared(accuracy: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The places that have auto and each fixed k, without any k that was run on less than half of the places of auto; and notes."""
    with_auto = accuracy.dropna(subset=[AUTO])
    counts = with_auto.notna().sum()
    enough = are_enough(counts)
    notes = []
    if few := [f"{k} ({counts[k]})" for k in counts.index[~enough]]:
        notes.append(
            f"Left out, run on less than half of the places of auto: k = {', '.join(few)}."
        )
    present = with_auto[list(counts.index[enough])]
    complete = present.dropna()
    if lost := len(accuracy) - len(complete):
        notes.append(f"{count(lost, 'place')} left out, where auto or a fixed k was not run.")
    return complete, notes


def _classes(collapse: pd.DataFrame, accuracy: pd.DataFrame) -> pd.Series:
    """The number of classes of each place of `accuracy`, missing if collapse does not have it.

    Proxies divided by k are fewer if classes have fewer samples than k.
    """
    import pandas as pd

    texts = dict.fromkeys(PAIR, str)
    known = collapse.astype(texts).groupby([*PAIR, "draw"])["classes"].first()
    places = pd.MultiIndex.from_frame(accuracy.index.to_frame(index=False).astype(texts))
    return known.reindex(places).set_axis(accuracy.index)


def _seconds(scores: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Generation times: a row for each FM and task of `accuracy`, a column per k."""
    times = generation_times(scores[is_value(scores["gen"], GEN)])
    times["k"] = times["k"].astype(object).where(times["k"].notna(), AUTO)
    by_pair = times.set_index([*PAIR, "k"])["seconds"].unstack("k")
    fms, tasks = (accuracy.index.get_level_values(name).astype(str) for name in PAIR)
    return by_pair.loc[list(dict.fromkeys(zip(fms, tasks, strict=True)))]


def _medians(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Medians over seeds of accuracy and proxies: for each a row per place and a column per k."""
    rows, _ = shown(scores[is_value(scores["gen"], GEN)])
    k = rows["k"].astype(object).where(rows["k"].notna(), AUTO)
    groups = rows.assign(k=k).groupby([*PAIR, "draw", "k"], observed=True)
    return {name: groups[name].median().unstack("k") for name in ("accuracy", "proxies")}
