"""Mean ranks of GENs, and which of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.report.drawing.rank_diagram import rank_diagram
from imprint.report.figures.comparisons import compared_components
from imprint.report.figures.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "GEN: critical differences"
CHOICE = "Each (FM, task) with the best of its k, NORM and AGG run, on test data."


@figure("critical_difference_gen", title=TITLE, category="Components")
def critical_difference_gen(
    scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets
) -> Figure:
    """Mean ranks of GENs, each with the best k, NORM and AGG; a bar joins those that do not differ."""
    return rank_diagram(TITLE, compared_components(scores, "GEN"), CHOICE)
