"""Tests of the differences between named methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.differences import FEWEST, differences, separate_datasets, too_few
from imprint.analysis.matrices import preset_matrix, shots_note
from imprint.analysis.ranking import compare_methods
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import DIFFERENCE_COLUMNS, difference_columns, with_note

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "method",
    "other",
    "mean difference (points)",
    *DIFFERENCE_COLUMNS,
    "p_holm",
    "paper: test",
    "paper: statistic",
    "paper: effect size",
    "paper: p",
    "paper: p_holm",
    "FM x task",
]


@table(
    "statistics", title="Named methods: tests", category="Methods", beside=("critical_difference",)
)
def statistics(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Tests of each pair of named methods over datasets and, beside, by the paper's procedure, which counts each (FM, task).

    The paper's procedure is Friedman's test, in the first row, and Wilcoxon's signed-rank test of each pair with Holm's
    correction. The `note` of the first row says what was left out and what could not be tested.
    """
    import pandas as pd

    result = compare_methods(preset_matrix(scores, presets))
    datasets = separate_datasets(scores, result.accuracies.index.unique("task"))
    friedman = result.friedman
    overall = {
        "method": f"all {len(result.summary)}",
        "paper: test": "Friedman",
        "paper: statistic": friedman.statistic if friedman else None,
        "paper: p": friedman.p if friedman else None,
        "paper: effect size": friedman.w if friedman else None,
    }
    over_datasets = differences(100 * result.accuracies, datasets)
    pairs = [
        {
            "method": pair.first,
            "other": pair.second,
            "mean difference (points)": pair.difference.mean,
            **difference_columns(pair.difference),
            "p_holm": pair.p_holm,
            "paper: test": "Wilcoxon",
            "paper: statistic": as_published.statistic,
            "paper: effect size": as_published.effect,
            "paper: p": as_published.p,
            "paper: p_holm": as_published.p_holm,
        }
        for pair, as_published in zip(over_datasets, result.pairwise, strict=True)
    ]
    frame = pd.DataFrame([overall, *pairs], columns=COLUMNS).assign(**{"FM x task": result.rows})
    frame = frame.astype(dict.fromkeys(("datasets", "better", "worse"), "Int64"))
    count = over_datasets[0].difference.datasets if over_datasets else 0
    notes = [too_few(count)] if 0 < count < FEWEST else []
    return with_note(frame, *notes, *result.notes, *shots_note(scores))
