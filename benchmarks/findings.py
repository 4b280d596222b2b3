"""Which of the paper's findings hold in a study: the numbers of docs/findings.md.

    python -m benchmarks.findings results/small

Reads scores.parquet and collapse.parquet of a folder of results, and prints a section for each question that its scores can
answer. Accuracies are medians over seeds, in percent; pairs are (FM, task), for families also the draw.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.head_cells import FULL
from benchmarks.options import new_parser
from imprint.analysis.differences import difference, separate_datasets
from imprint.analysis.matrices import preset_matrix
from imprint.analysis.splits import of_split
from imprint.method.presets import PRESETS, preset_rows

PAIR = ["fm", "task", "draw"]
L2 = ("l2", "l2", "l2")
WHITENED = ("l2", "whiten+l2", "l2")
FEWEST = 6  # points that a rank correlation needs
KS = (1, 2, 5, 10, 20, 50, 100)


def norms(frame: pd.DataFrame, pre: str, post: str, inf: str) -> pd.DataFrame:
    return frame[
        (frame["norm_pre"] == pre) & (frame["norm_post"] == post) & (frame["norm_inf"] == inf)
    ]


def plain_max(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["agg"] == "max") & (frame["distance"] == "inner_product")]


def novel_tasks(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of tasks whose classes no FM was trained on: those outside families."""
    return frame[frame["d"].isna()]


def with_k(frame: pd.DataFrame, k: int | str) -> pd.DataFrame:
    """The rows with this k; `auto` is the one without a number."""
    return frame[frame["k"].isna()] if k == "auto" else frame[(frame["k"] == k).fillna(False)]


def accuracies(frame: pd.DataFrame, gen: str, k: int | str | None = None) -> pd.Series:
    """Median accuracy (%) of a GEN by pair; k: see `with_k`, any by default."""
    rows = frame[frame["gen"] == gen]
    if k is not None:
        rows = with_k(rows, k)
    return rows.groupby(PAIR)["accuracy"].median() * 100


def compare(
    scores: pd.DataFrame, name: str, one: pd.Series, other: pd.Series, indent: str = ""
) -> None:
    """Print one - other: its mean over datasets (with interval and p if there are enough), over each dataset, and wins by pair.

    Prints nothing if no pair has both.
    """
    values = (one - other).dropna()
    if values.empty:
        return
    datasets = separate_datasets(scores)
    of_all = difference(values, datasets)
    interval = "" if np.isnan(of_all.p) else f" [{of_all.low:+.2f}, {of_all.high:+.2f}], p = {of_all.p:.1g}"  # fmt: skip
    by_dataset = values.groupby(values.index.get_level_values("task").map(datasets)).mean()
    parts = ", ".join(f"{dataset} {mean:+.2f}" for dataset, mean in by_dataset.items())
    print(
        f"{indent}{name}: {of_all.mean:+.2f} points over {of_all.datasets} datasets{interval} ({parts}), "
        f"better on {(values > 0).sum()}, worse on {(values < 0).sum()} of {len(values)} pairs"
    )


def named_methods(scores: pd.DataFrame, shots: str) -> None:
    novel = novel_tasks(scores[scores["shots"] == shots])
    matrix = 100 * preset_matrix(novel, preset_rows()).dropna(axis=1, how="all")
    if matrix.shape[1] < 2:
        return
    few = "" if shots == FULL else f" with {shots} samples per class"
    print(f"\n## Named methods{few}: mean accuracy over novel tasks")
    datasets = matrix.index.get_level_values("task").map(separate_datasets(scores))
    means = matrix.groupby(datasets).mean().T
    means.insert(0, f"all {len(matrix)} pairs", matrix.mean())
    means["the paper"] = pd.Series({preset.label: preset.published for _, preset in PRESETS.items()})  # fmt: skip
    print(means.round(1).to_string(na_rep=""))
    best = PRESETS["whiten"].label
    for label in matrix:
        if label != best and best in matrix:
            compare(scores, f"{best} - {label}", matrix[best], matrix[label])


def several_proxies(scores: pd.DataFrame) -> None:
    novel = novel_tasks(plain_max(scores))
    least_squares = accuracies(norms(novel, "none", "none", "none"), "ls")
    for title, frame in (
        ("l2 throughout", norms(novel, *L2)),
        ("proxies whitened", norms(novel, *WHITENED)),
    ):
        mean = accuracies(frame, "mean")
        if mean.empty:
            continue
        print(f"\n## Several proxies against the mean ({title}, max)")
        for k in KS:
            compare(scores, f"kmeans k={k} - mean", accuracies(frame, "kmeans", k), mean)
        twenty = accuracies(frame, "kmeans", 20)
        compare(scores, "kmeans k=20 - random k=20", twenty, accuracies(frame, "random", 20))
        compare(scores, "all - kmeans k=20", accuracies(frame, "all"), twenty)
        compare(scores, "ls - kmeans k=20", least_squares, twenty)
    whitened, plain = (accuracies(norms(novel, *three), "mean") for three in (WHITENED, L2))
    compare(scores, "whitened mean - mean with l2", whitened, plain)


def normalisation(scores: pd.DataFrame) -> None:
    novel = novel_tasks(plain_max(scores))
    table = {}
    for name, gen, k in (
        ("mean", "mean", None),
        ("kmeans k=5", "kmeans", 5),
        ("kmeans k=20", "kmeans", 20),
        ("all", "all", None),
    ):
        rows = novel[novel["gen"] == gen]
        rows = rows if k is None else with_k(rows, k)
        pairs = rows.groupby(["norm_pre", "norm_post", "norm_inf", *PAIR], observed=True)[
            "accuracy"
        ].median()
        # the mean of a NORM that some pairs lack cannot be compared
        of_norms = pairs.groupby(level=[0, 1, 2], observed=True)
        complete = of_norms.size() == of_norms.size().max()
        table[name] = of_norms.mean()[complete] * 100
    print("\n## NORM (max, inner product): mean accuracy over novel tasks")
    print(pd.DataFrame(table).round(2).sort_values("kmeans k=20", ascending=False).to_string())
    imprinted = novel[novel["gen"].isin(["mean", "kmeans", "all"])]
    bests = {
        " / ".join(three): norms(imprinted, *three).groupby(PAIR)["accuracy"].max().mean() * 100
        for three in (("none",) * 3, ("l2", "none", "l2"), L2)
    }
    print(
        f"best of mean, k-means and all: {', '.join(f'{three} {best:.1f}' for three, best in bests.items())}"
    )


def aggregation(scores: pd.DataFrame) -> None:
    rows = norms(novel_tasks(scores), *L2)
    rows = with_k(rows[rows["gen"] == "kmeans"], 20)
    if rows["agg"].nunique() < 2:
        return
    print(
        "\n## AGG at kmeans k=20, l2 throughout: mean accuracy over novel tasks, best ten and max"
    )
    keys = rows.assign(
        m=rows["m"].astype(object).where(rows["m"].notna(), ""),
        weighting=rows["weighting"].astype(object).fillna(""),
    )
    pairs = keys.groupby(["agg", "distance", "weighting", "m", *PAIR], observed=True)[
        "accuracy"
    ].median()
    means = (pairs.groupby(level=[0, 1, 2, 3], observed=True).mean() * 100).sort_values(
        ascending=False
    )
    print(means.head(10).round(2).to_string())
    print(f"max, inner product: {means[:, 'inner_product'].iloc[0]:.2f}")


def collapse_and_gain(scores: pd.DataFrame, collapse: pd.DataFrame) -> None:
    print("\n## Gain of k=5 over k=1 against NC1 (l2 throughout, max)")
    rows = norms(plain_max(scores), *L2)
    difference_of_k = accuracies(rows, "kmeans", 5) - accuracies(rows, "kmeans", 1)
    gain = difference_of_k.rename("gain").dropna().reset_index()
    gain[PAIR[:2]] = gain[PAIR[:2]].astype(str)
    both = gain.merge(collapse.astype({"fm": str, "task": str})[[*PAIR, "d", "nc1"]], on=PAIR)
    novel = novel_tasks(both)
    datasets = novel["task"].map(separate_datasets(scores))
    parts = {
        "all": both,
        "own classes, d in 1": both[both["d"].notna()],
        "novel tasks": novel,
        **{f"novel, {name}": novel[datasets == name] for name in datasets.unique()},
        "NC1 < 0.5": both[both["nc1"] < 0.5],
        "NC1 0.5 to 1.5": both[both["nc1"].between(0.5, 1.5)],
        "NC1 > 1.5": both[both["nc1"] > 1.5],
    }
    for name, part in parts.items():
        if len(part) < FEWEST:
            continue
        rank = spearmanr(part["nc1"], part["gain"])
        print(
            f"{name}: n = {len(part)}, NC1 {part['nc1'].min():.2f} to {part['nc1'].max():.2f}, mean gain {part['gain'].mean():+.2f}, "
            f"Spearman {rank.statistic:.2f} (p = {rank.pvalue:.1g} if pairs were independent)"
        )


def peak(scores: pd.DataFrame, collapse: pd.DataFrame) -> None:
    rows = norms(plain_max(scores[scores["d"].notna()]), *L2)
    if rows.empty:
        return
    print(
        "\n## d in 1: accuracy by k (l2 throughout, max), the best k, the least k within half a point of it, NC1"
    )
    clustered = rows[(rows["gen"] == "kmeans") & rows["k"].notna()]
    for (fm, family), part in clustered.groupby(["fm", "family"], observed=True):
        table = part.groupby(["d", "k"])["accuracy"].mean().unstack() * 100
        nc1 = (
            collapse[(collapse["fm"] == fm) & (collapse["family"] == family)]
            .groupby("d")["nc1"]
            .mean()
        )
        enough = [row.index[(row >= row.max() - 0.5).to_numpy()][0] for _, row in table.iterrows()]
        shown = table.round(1).assign(best=table.idxmax(axis=1), enough=enough, NC1=nc1.round(2))
        print(f"{fm}, {family}\n{shown.to_string()}")
    for fm in clustered["fm"].unique():
        of_fm = rows[rows["fm"] == fm]
        least_squares = accuracies(of_fm, "ls")
        compare(scores, f"{fm}: ls - kmeans k=20", least_squares, accuracies(of_fm, "kmeans", 20))
        compare(scores, f"{fm}: kls k=5 - ls", accuracies(of_fm, "kls", 5), least_squares)


def few_shots(scores: pd.DataFrame) -> None:
    rows = norms(plain_max(scores), *L2)
    rows = rows[rows["gen"].isin(["kmeans", "all"])]
    few = rows[rows["shots"] != FULL]
    if few.groupby(["gen", "k"], observed=True, dropna=False).ngroups < 2:
        return
    print("\n## Accuracy by shots (kmeans with l2 throughout, max)")
    pairs = few[["fm", "task"]].drop_duplicates().astype(str)
    rows = rows.merge(pairs, on=["fm", "task"])
    name = (
        rows["gen"]
        .astype(str)
        .where(rows["gen"] != "kmeans", "k=" + rows["k"].astype(object).fillna("auto").astype(str))
    )
    order = _ascending(rows["shots"].unique())
    table = (
        rows.assign(name=name)
        .groupby(["fm", "task", "shots", "name"], observed=True)["accuracy"]
        .mean()
    )
    for pair, part in table.unstack().groupby(level=[0, 1], observed=True):
        print(
            f"{', '.join(pair)}\n{(part.droplevel([0, 1]).loc[order] * 100).round(1).to_string()}"
        )


def _ascending(shots: Iterable[str]) -> list[str]:
    """Numbers of shots in their order, `full` last."""
    return sorted(shots, key=lambda n: float("inf") if n == FULL else int(n))


def choice_of_k(scores: pd.DataFrame) -> None:
    rows = norms(plain_max(scores), *L2)
    rows = rows[(rows["gen"] == "kmeans") & (rows["shots"] == FULL)]
    if rows["k"].notna().all():
        return
    print(
        "\n## k: auto against fixed k (kmeans, l2 throughout, max): accuracy, proxies per class, seconds"
    )
    classes = with_k(rows, 1).groupby(PAIR)["proxies"].first()
    for name, part in (
        ("novel tasks", novel_tasks(rows)),
        ("own classes", rows[rows["d"].notna()]),
    ):
        ks = [k for k in KS if k != 2 and (part["k"] == k).any()]
        of_ks = {k: accuracies(part, "kmeans", k) for k in [*ks, "auto"]}
        table = pd.DataFrame(of_ks).dropna()
        best = table[ks].max(axis=1)
        print(f"{name}, {len(table)} pairs; best of {ks} in hindsight: {best.mean():.2f}")
        for k in of_ks:
            medians = with_k(part, k).groupby(PAIR)[["proxies", "seconds"]].median()
            print(
                f"  k = {k}: {table[k].mean():.2f}, {(medians['proxies'] / classes).mean():.1f} proxies per class, "
                f"{medians['seconds'].mean():.2f} s"
            )
        if 20 in ks:
            compare(scores, "auto - k=20", table["auto"], table[20], indent="  ")
        compare(scores, "auto - best in hindsight", table["auto"], best, indent="  ")


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("results", type=Path)
    results = parser.parse_args().results
    scores, collapse = (
        pd.read_parquet(results / f"{name}.parquet") for name in ("scores", "collapse")
    )
    collapse = of_split(collapse)
    full = scores[scores["shots"] == FULL]
    print(
        f"{len(scores):,} scores of {scores['fm'].nunique()} FMs on {scores['task'].nunique()} tasks"
    )
    for shots in _ascending(scores["shots"].unique()):
        named_methods(scores, shots)
    several_proxies(full)
    normalisation(full)
    aggregation(full)
    collapse_and_gain(full, collapse)
    peak(full, collapse)
    few_shots(scores)
    choice_of_k(scores)


if __name__ == "__main__":
    main()
