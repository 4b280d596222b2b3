"""Which of the paper's findings hold in a study: the numbers of docs/findings.md.

    python -m benchmarks.findings results/small

Reads scores.parquet and collapse.parquet of a folder of results, one line or table a finding. Accuracies are medians over seeds,
in percent; pairs are (FM, task), for families also the draw.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from imprint.analysis.differences import difference, separate_datasets
from imprint.analysis.splits import of_split

PAIR = ["fm", "task", "draw"]
L2 = ("l2", "l2", "l2")


def norms(frame: pd.DataFrame, pre: str, post: str, inf: str) -> pd.DataFrame:
    return frame[
        (frame["norm_pre"] == pre) & (frame["norm_post"] == post) & (frame["norm_inf"] == inf)
    ]


def plain_max(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["agg"] == "max") & (frame["distance"] == "inner_product")]


def with_k(frame: pd.DataFrame, k: int | str) -> pd.DataFrame:
    """The rows with this k; `auto` is the one without a number."""
    return frame[frame["k"].isna()] if k == "auto" else frame[(frame["k"] == k).fillna(False)]


def column(frame: pd.DataFrame, gen: str, k: int | str | None = None) -> pd.Series:
    """Median accuracy of a GEN by pair, see `with_k`."""
    own = frame[frame["gen"] == gen]
    if k is not None:
        own = with_k(own, k)
    return own.groupby(PAIR)["accuracy"].median() * 100


def compare(
    scores: pd.DataFrame, name: str, one: pd.Series, other: pd.Series, indent: str = ""
) -> None:
    """Print the mean difference over datasets, its interval and p where there are enough, and wins over the pairs that both have."""
    values = (one - other).dropna()
    found = difference(values, separate_datasets(scores))
    sure = (
        f" [{found.low:+.2f}, {found.high:+.2f}], p = {found.p:.1g}" if found.p == found.p else ""
    )
    wins, losses = (values > 0).sum(), (values < 0).sum()
    print(
        f"{indent}{name}: {found.mean:+.2f} points over {found.datasets} datasets{sure}, better on {wins}, worse on {losses} "
        f"of {len(values)} pairs"
    )


def several_proxies(scores: pd.DataFrame) -> None:
    print("\n## Several proxies against the mean (l2 throughout, max)")
    own = norms(plain_max(scores), *L2)
    novel = own[own["d"].isna()]
    for k in (5, 20):
        compare(scores, f"kmeans k={k} - mean", column(novel, "kmeans", k), column(novel, "mean"))
    compare(
        scores,
        "kmeans k=20 - random k=20",
        column(novel, "kmeans", 20),
        column(novel, "random", 20),
    )
    compare(scores, "all - kmeans k=20", column(novel, "all"), column(novel, "kmeans", 20))
    ls = norms(plain_max(scores), "none", "none", "none")
    compare(
        scores, "ls - kmeans k=20", column(ls[ls["d"].isna()], "ls"), column(novel, "kmeans", 20)
    )


def normalisation(scores: pd.DataFrame) -> None:
    print("\n## NORM (max, inner product): mean accuracy over novel tasks")
    novel = plain_max(scores[scores["d"].isna()])
    table = {}
    for name, gen, k in (
        ("mean", "mean", None),
        ("kmeans k=20", "kmeans", 20),
        ("all", "all", None),
    ):
        own = novel[novel["gen"] == gen]
        own = own if k is None else with_k(own, k)
        pairs = own.groupby(["norm_pre", "norm_post", "norm_inf", *PAIR], observed=True)[
            "accuracy"
        ].median()
        table[name] = pairs.groupby(level=[0, 1, 2], observed=True).mean() * 100
    print(pd.DataFrame(table).round(2).sort_values("kmeans k=20", ascending=False).to_string())


def aggregation(scores: pd.DataFrame) -> None:
    print(
        "\n## AGG at kmeans k=20, l2 throughout: mean accuracy over novel tasks, best ten and max"
    )
    own = norms(scores[scores["d"].isna()], *L2)
    own = with_k(own[own["gen"] == "kmeans"], 20)
    keys = own.assign(
        m=own["m"].astype(object).where(own["m"].notna(), ""),
        weighting=own["weighting"].astype(object).fillna(""),
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
    own = norms(plain_max(scores), *L2)
    gain = (
        (column(own, "kmeans", 5) - column(own, "kmeans", 1)).rename("gain").dropna().reset_index()
    )
    gain[PAIR[:2]] = gain[PAIR[:2]].astype(str)
    both = gain.merge(collapse.astype({"fm": str, "task": str})[[*PAIR, "d", "nc1"]], on=PAIR)
    for name, part in (
        ("all", both), ("own classes, d in 1", both[both["d"].notna()]), ("novel tasks", both[both["d"].isna()]),
        ("NC1 < 0.5", both[both["nc1"] < 0.5]), ("NC1 0.5 to 1.5", both[both["nc1"].between(0.5, 1.5)]),
        ("NC1 > 1.5", both[both["nc1"] > 1.5]),
    ):  # fmt: skip
        rho = spearmanr(part["nc1"], part["gain"]).statistic
        slope = np.polyfit(np.log10(part["nc1"]), part["gain"], 1)
        fit = np.corrcoef(np.log10(part["nc1"]), part["gain"])[0, 1] ** 2
        print(
            f"{name}: n = {len(part)}, mean gain {part['gain'].mean():+.2f}, Spearman {rho:.2f}, "
            f"{slope[0]:+.1f} points a decade of NC1, R2 = {fit:.2f}"
        )


def peak(scores: pd.DataFrame, collapse: pd.DataFrame) -> None:
    print(
        "\n## d in 1: accuracy by k (l2 throughout, max), the best k, the least k within half a point of it, NC1"
    )
    own = norms(plain_max(scores[scores["d"].notna()]), *L2)
    own = own[(own["gen"] == "kmeans") & own["k"].notna()]
    for (fm, family), part in own.groupby(["fm", "family"], observed=True):
        table = part.groupby(["d", "k"])["accuracy"].mean().unstack() * 100
        nc1 = (
            collapse[(collapse["fm"] == fm) & (collapse["family"] == family)]
            .groupby("d")["nc1"]
            .mean()
        )
        enough = [row.index[(row >= row.max() - 0.5).to_numpy()][0] for _, row in table.iterrows()]
        shown = table.round(1).assign(best=table.idxmax(axis=1), enough=enough, NC1=nc1.round(2))
        print(f"{fm}, {family}\n{shown.to_string()}")
    ls = norms(plain_max(scores[scores["d"].notna()]), *L2)
    for fm in own["fm"].unique():
        mine, least = own[own["fm"] == fm], ls[ls["fm"] == fm]
        compare(scores, f"{fm}: ls - kmeans k=20", column(least, "ls"), column(mine, "kmeans", 20))
        compare(scores, f"{fm}: kls k=5 - ls", column(least, "kls", 5), column(least, "ls"))


def few_shots(scores: pd.DataFrame) -> None:
    print("\n## Accuracy by shots (kmeans with l2 throughout, max)")
    own = norms(plain_max(scores), *L2)
    groups = own.loc[own["shots"] != "full", ["fm", "task"]].drop_duplicates()
    own = own.merge(groups.astype(str), on=["fm", "task"])
    own = own[own["gen"].isin(["kmeans", "all"])]
    name = (
        own["gen"]
        .astype(str)
        .where(own["gen"] != "kmeans", "k=" + own["k"].astype(object).fillna("auto").astype(str))
    )
    order = sorted(own["shots"].unique(), key=lambda n: float("inf") if n == "full" else int(n))
    table = (
        own.assign(name=name)
        .groupby(["fm", "task", "shots", "name"], observed=True)["accuracy"]
        .mean()
    )
    for pair, part in table.unstack().groupby(level=[0, 1], observed=True):
        print(
            f"{', '.join(pair)}\n{(part.droplevel([0, 1]).loc[order] * 100).round(1).to_string()}"
        )


def choice_of_k(scores: pd.DataFrame) -> None:
    print(
        "\n## k: auto against fixed k (kmeans, l2 throughout, max): accuracy, proxies per class, seconds"
    )
    own = norms(plain_max(scores), *L2)
    own = own[(own["gen"] == "kmeans") & (own["shots"] == "full")]
    classes = with_k(own, 1).groupby(PAIR)["proxies"].first()
    for name, part in (
        ("novel tasks", own[own["d"].isna()]),
        ("own classes", own[own["d"].notna()]),
    ):
        ks = [k for k in (1, 5, 10, 20, 50, 100) if (part["k"] == k).any()]
        found = {k: column(part, "kmeans", k) for k in [*ks, "auto"]}
        table = pd.DataFrame(found).dropna()
        best = table[ks].max(axis=1)
        print(f"{name}, {len(table)} pairs; best of {ks} in hindsight: {best.mean():.2f}")
        for k in found:
            medians = with_k(part, k).groupby(PAIR)[["proxies", "seconds"]].median()
            print(
                f"  k = {k}: {table[k].mean():.2f}, {(medians['proxies'] / classes).mean():.1f} proxies per class, "
                f"{medians['seconds'].mean():.2f} s"
            )
        if 20 in found:
            compare(scores, "auto - k=20", table["auto"], table[20], indent="  ")
        compare(scores, "auto - best in hindsight", table["auto"], best, indent="  ")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    results = parser.parse_args().results
    scores, collapse = (
        pd.read_parquet(results / f"{name}.parquet") for name in ("scores", "collapse")
    )
    collapse = of_split(collapse)
    full = scores[scores["shots"] == "full"]
    print(
        f"{len(scores):,} scores of {scores['fm'].nunique()} FMs on {scores['task'].nunique()} tasks"
    )
    several_proxies(full)
    normalisation(full)
    aggregation(full)
    collapse_and_gain(full, collapse)
    peak(full, collapse)
    few_shots(scores)
    choice_of_k(scores)


if __name__ == "__main__":
    main()
