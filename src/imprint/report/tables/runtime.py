"""The time to generate proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.generation_time import KIND, generation_times
from imprint.analysis.gens import with_k_labels
from imprint.analysis.matrices import PAIR, fullest, shots_note
from imprint.analysis.splits import TRAINING_SAMPLES
from imprint.data.shots import ALL_SHOTS
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import GENERATION_TIME, sorted_naturally, with_note

if TYPE_CHECKING:
    import pandas as pd

TIMES = {"median": GENERATION_TIME, "min": "lowest (ms)", "max": "highest (ms)"}


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
    rows = collapse.astype({"fm": str, "task": str})
    samples = rows.groupby(PAIR)[TRAINING_SAMPLES].median().rename("samples")
    if not (fullest(scores)["shots"] == ALL_SHOTS).all():
        samples = samples.iloc[:0]
    times = times.join(samples, on=PAIR)
    of_kind = times.groupby(KIND, dropna=False)
    frame = (1000 * of_kind["seconds"].agg(list(TIMES))).join(of_kind.size().rename("size"))
    frame = frame.join(of_kind[["proxies", "samples"]].median()).reset_index()
    frame = with_k_labels(sorted_naturally(frame, KIND))
    frame = frame.rename(columns={"gen": "GEN", "size": "FM x task", **TIMES})
    frame = frame[["GEN", "k", *TIMES.values(), "proxies", "samples", "FM x task"]]
    pairs = len(times[PAIR].drop_duplicates())
    notes = list(shots_note(scores))
    if (frame["FM x task"] < pairs).any():
        notes.append(
            f"Not all were run on all {pairs} (FM, task): compare only those with equal `FM x task`."
        )
    return with_note(frame, *notes)
