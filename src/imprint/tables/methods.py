"""The published methods: how they rank, and which of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.plots.selection import rule
from imprint.statistics import accuracy_matrix, compare, identical, mean_intervals, ranking
from imprint.tables.registry import noted, table

if TYPE_CHECKING:
    import pandas as pd

    from imprint.tables.registry import Presets


@table("published_methods", title="Published methods", category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per published method, best mean rank first; over the (FM, task) that all of them have.

    A method without any result comes last, with its published figure alone.
    """
    import pandas as pd

    methods = {preset["label"]: preset for preset in presets.values()}
    result = ranking(accuracy_matrix(scores, methods))
    order = [*result.summary.index, *(name for name in methods if name not in result.summary.index)]
    low, high = mean_intervals(result.accuracies)
    measured = result.summary.assign(low=low, high=high).reindex(order)
    keys = ["norm_pre", "gen", "k", "norm_post", "norm_inf", "published"]
    settings = pd.DataFrame([methods[name] for name in order], columns=keys, index=order)
    made = pd.DataFrame(
        {
            "method": order,
            "NORMpre": settings["norm_pre"],
            "GEN": settings["gen"],
            "k": settings["k"].astype("Int64"),
            "NORMpost": settings["norm_post"],
            "NORMinf": settings["norm_inf"],
            "AGG": [rule(methods[name]) for name in order],
            "mean rank": measured["mean_rank"],
            "mean (%)": 100 * measured["mean"],
            "std (%)": 100 * measured["std"],
            "95% low (%)": 100 * measured["low"],
            "95% high (%)": 100 * measured["high"],
            "FM x task": [result.rows if name in result.summary.index else 0 for name in order],
            "published mean (%)": settings["published"].astype(float),
        }
    )
    return noted(made.reset_index(drop=True), *result.notes, *identical(result.accuracies))


@table("statistics", title="Published methods: tests", category="Methods")
def statistics(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Friedman's test, then each pair of published methods by Wilcoxon's signed-rank test with Holm's correction.

    The first row is Friedman's; its `note` says what was left out and what could not be tested.
    """
    import pandas as pd

    result = compare(accuracy_matrix(scores, {preset["label"]: preset for preset in presets.values()}))
    accuracy = result.accuracies
    first, second = ([getattr(pair, side) for pair in result.pairwise] for side in ("first", "second"))
    low, high = mean_intervals(accuracy[first].to_numpy() - accuracy[second].to_numpy())
    tested = result.friedman
    overall = {
        "test": "Friedman",
        "method": f"all {len(result.summary)}",
        "statistic": tested.statistic if tested else None,
        "p": tested.p if tested else None,
        "effect size": tested.w if tested else None,
    }
    pairs = [
        {
            "test": "Wilcoxon",
            "method": pair.first,
            "other": pair.second,
            "statistic": pair.statistic,
            "p": pair.p,
            "p_holm": pair.p_holm,
            "effect size": pair.effect,
            "mean difference (points)": 100 * pair.mean_difference,
            "95% low (points)": 100 * low[i],
            "95% high (points)": 100 * high[i],
        }
        for i, pair in enumerate(result.pairwise)
    ]
    columns = [
        "test",
        "method",
        "other",
        "statistic",
        "p",
        "p_holm",
        "effect size",
        "mean difference (points)",
    ]
    made = pd.DataFrame([overall, *pairs], columns=[*columns, "95% low (points)", "95% high (points)"])
    return noted(made.assign(**{"FM x task": result.rows}), *result.notes)
