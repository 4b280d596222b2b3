"""FMs ranked over tasks, each by the same configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.analysis.matrices import data_chosen_on, shots_note, with_criterion
from imprint.analysis.ranking import rank_methods
from imprint.analysis.selection import method_in_words
from imprint.formatting import count

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ComparedFMs:
    """FMs ranked by the tasks and configurations that all of them share.

    accuracies: a row per task, a column per FM, best mean rank first: the mean over configurations of the median accuracy
        (0..1) over seeds and draws.
    summary: a row per FM in that order: mean_rank (1 = best), mean and std of its column; best_configuration, the one with
        the highest mean over the tasks, and best, its mean accuracy; nc1, the mean over the tasks. Numbers are missing if
        the FMs share nothing.
    configurations: number of configurations that each accuracy averages.
    notes: why there is nothing to rank, or what was left out, in sentences.
    chosen_on: the data on which the best configuration is chosen, in words.
    """

    accuracies: pd.DataFrame
    summary: pd.DataFrame
    configurations: int
    notes: tuple[str, ...]
    chosen_on: str


def compare_fms(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Mapping[str, Mapping[str, Any]]
) -> ComparedFMs:
    """Rank the FMs of an experiment.

    Only the tasks of all FMs count, and the configurations that every FM ran on each of these, with equal weight.

    Parameters
    ----------
    scores, collapse : DataFrame
        Rows of an experiment; collapse of one split for each (FM, task).
    presets : mapping
        See `imprint.method.presets.preset_rows`; a configuration that equals a preset is shown by its label.
    """
    import pandas as pd

    configurations, medians, criterion = with_criterion(scores)
    fms = [str(fm) for fm in medians.index.unique("fm")]
    tasks_of = medians.index.to_frame(index=False).astype(str).groupby("task")["fm"].nunique()
    tasks = list(tasks_of.index[tasks_of == len(fms)])
    of_tasks = medians[medians.index.get_level_values("task").isin(tasks)]
    shared = of_tasks.dropna(axis="columns")
    accuracies = shared.mean(axis="columns").unstack("fm").rename(columns=str, index=str)
    if not shared.size:
        accuracies = pd.DataFrame(columns=fms, dtype=float)
    result = rank_methods(accuracies)
    ranked = list(result.summary.index)
    summary = result.summary.reindex([*ranked, *(fm for fm in fms if fm not in ranked)])
    best = _best(shared, criterion.loc[shared.index, shared.columns])
    names = {
        number: configuration_name(configurations.loc[number].to_dict(), presets)
        for number in best["number"].unique()
    }
    summary["best"] = best["accuracy"]
    summary["best_configuration"] = best["number"].map(names)
    summary["nc1"] = _nc1(collapse, tasks)
    return ComparedFMs(
        result.accuracies,
        summary,
        shared.shape[1] if shared.size else 0,
        (*_notes(medians, of_tasks, shared, len(tasks)), *shots_note(scores)),
        data_chosen_on(scores),
    )


def configuration_name(
    configuration: Mapping[str, Any], presets: Mapping[str, Mapping[str, Any]]
) -> str:
    """The label of the preset that equals a configuration, else its name by `method_in_words`."""
    name = method_in_words(configuration)
    labels = (p["label"] for p in presets.values() if method_in_words(p) == name)
    return str(next(labels, name))


def speed_conditions(fms: pd.DataFrame) -> tuple[str, ...]:
    """A sentence on the device and threads of the measured images per second; empty if none was measured."""
    measured = fms[fms["images_per_second"].notna()]
    conditions = measured[["device", "threads"]].drop_duplicates()
    if not len(conditions):
        return ()
    if len(conditions) > 1:
        return ("Images a second were measured under different conditions.",)
    device, threads = conditions.iloc[0]
    return (f"Images a second: on {device} with {count(int(threads), 'thread')}.",)


def _best(accuracies: pd.DataFrame, criterion: pd.DataFrame) -> pd.DataFrame:
    """By FM, the number of the configuration with the largest mean criterion over tasks, and its mean accuracy."""
    import pandas as pd

    best = []
    for fm, means in criterion.dropna(axis="columns").groupby("fm", observed=True):
        if means.size:
            number = means.mean().idxmax()
            of_fm = accuracies[accuracies.index.get_level_values("fm") == fm]
            best.append((str(fm), number, of_fm.mean().to_dict()[number]))
    return pd.DataFrame(best, columns=["fm", "number", "accuracy"]).set_index("fm")


def _nc1(collapse: pd.DataFrame, tasks: list[str]) -> pd.Series:
    """The NC1 of each FM: the mean over tasks of the mean over draws."""
    rows = collapse.astype({"fm": str, "task": str})
    rows = rows[rows["task"].isin(tasks)]
    return rows.groupby(["fm", "task"])["nc1"].mean().groupby("fm").mean()


def _notes(
    medians: pd.DataFrame, of_tasks: pd.DataFrame, shared: pd.DataFrame, tasks: int
) -> Iterator[str]:
    if not tasks:
        yield "The FMs share no task: nothing to rank."
        return
    if not shared.size:
        yield "No configuration was run with every FM on every shared task: nothing to rank."
        return
    left_out = {
        "task": medians.index.get_level_values("task").nunique() - tasks,
        "configuration": int(of_tasks.notna().any().sum()) - shared.shape[1],
    }
    counts = [count(number, noun) for noun, number in left_out.items() if number]
    if counts:
        yield f"Left out, as not all FMs have them: {' and '.join(counts)}."
