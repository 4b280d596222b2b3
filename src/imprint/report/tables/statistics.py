"""Tests of which named methods differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.intervals import mean_intervals
from imprint.analysis.matrices import preset_matrix
from imprint.analysis.ranking import compare_methods
from imprint.report.tables.notes import with_note
from imprint.report.tables.registry import Presets, table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "test",
    "method",
    "other",
    "statistic",
    "p",
    "p_holm",
    "effect size",
    "mean difference (points)",
    "95% low (points)",
    "95% high (points)",
]


@table("statistics", title="Named methods: tests", category="Methods")
def statistics(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Friedman's test, then each pair of named methods by Wilcoxon's signed-rank test with Holm's correction.

    The first row is Friedman's; its `note` says what was left out and what could not be tested.
    """
    import pandas as pd

    result = compare_methods(preset_matrix(scores, presets))
    first = result.accuracies[[pair.first for pair in result.pairwise]]
    second = result.accuracies[[pair.second for pair in result.pairwise]]
    low, high = mean_intervals(first.to_numpy() - second.to_numpy())
    friedman = result.friedman
    overall = {
        "test": "Friedman",
        "method": f"all {len(result.summary)}",
        "statistic": friedman.statistic if friedman else None,
        "p": friedman.p if friedman else None,
        "effect size": friedman.w if friedman else None,
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
    frame = pd.DataFrame([overall, *pairs], columns=COLUMNS)
    return with_note(frame.assign(**{"FM x task": result.rows}), *result.notes)
