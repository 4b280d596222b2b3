"""The time to generate proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.generation_time import GENERATION_TIME, KIND, generation_times
from imprint.analysis.gens import with_k_labels
from imprint.analysis.matrices import PAIR, fullest
from imprint.analysis.splits import of_split
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import sorted_naturally, with_note

if TYPE_CHECKING:
    import pandas as pd

SECONDS = {"median": GENERATION_TIME, "min": "lowest (s)", "max": "highest (s)"}


@table(
    "runtime",
    title="Time to generate proxies",
    category="Proxies per class",
    beside=("generation_time",),
)
def runtime(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Generation time by GEN and k: the median over (FM, task), the lowest and the highest.

    The numbers of proxies and of training samples are medians too; the latter is known only if all samples are used.
    """
    times = generation_times(scores)
    samples = of_split(collapse).astype({"fm": str, "task": str}).groupby(PAIR)["samples"].median()
    if not (fullest(scores)["shots"] == "full").all():
        samples = samples.iloc[:0]
    times = times.join(samples, on=PAIR)
    of_kind = times.groupby(KIND, dropna=False)
    frame = of_kind["seconds"].agg([*SECONDS, "size"])
    frame = frame.join(of_kind[["proxies", "samples"]].median()).reset_index()
    frame = with_k_labels(sorted_naturally(frame, KIND))
    frame = frame.rename(columns={"gen": "GEN", "size": "FM x task", **SECONDS})
    frame = frame[["GEN", "k", *SECONDS.values(), "proxies", "samples", "FM x task"]]
    pairs = len(times[PAIR].drop_duplicates())
    if (frame["FM x task"] < pairs).any():
        return with_note(
            frame,
            f"Not all were run on all {pairs} (FM, task): compare only those with equal `FM x task`.",
        )
    return with_note(frame)
