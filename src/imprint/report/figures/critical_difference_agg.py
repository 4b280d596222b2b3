"""Mean ranks of AGGs, and which of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.report.drawing.rank_diagram import rank_diagram
from imprint.report.figures.comparisons import compared_components
from imprint.report.figures.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "AGG: critical differences"
CHOICE = "Each (FM, task) with the best of its GEN, k and NORM run, on test data."


@figure("critical_difference_agg", title=TITLE, category="Components")
def critical_difference_agg(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets
) -> Figure:
    """Mean ranks of AGGs, each with the best GEN, k and NORM; a bar joins those that do not differ."""
    return rank_diagram(TITLE, compared_components(scores, "AGG"), CHOICE)
