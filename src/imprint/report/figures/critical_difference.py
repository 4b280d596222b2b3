"""Mean ranks of the named methods, and which of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.report.drawing.rank_diagram import rank_diagram
from imprint.report.figures.comparisons import compared_presets
from imprint.report.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Named methods: critical differences"


@figure("critical_difference", title=TITLE, category="Methods")
def critical_difference(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Mean ranks of the named methods; a bar joins those that do not differ."""
    return rank_diagram(TITLE, compared_presets(scores, presets))
