"""Mean ranks of AGGs, GENs and NORMs, and which of them differ: one figure for each component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.matrices import chosen_on
from imprint.method.score_names import VALIDATION
from imprint.report.drawing.rank_diagram import rank_diagram
from imprint.report.figures.comparisons import compared_components
from imprint.report.figures.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# what the subtitle says of each component
SUBTITLES = {
    "AGG": "Each (FM, task) with the best of its GEN, k and NORM run, on {data}.",
    "GEN": "Each (FM, task) with the best of its k, NORM and AGG run, on {data}.",
    "NORM": "Names: NORMpre/NORMpost/NORMinf.\n"
    "Each (FM, task) with the best of its GEN, k and AGG run, on {data}.",
}


def _register(component: str, subtitle: str) -> None:
    title = f"{component}: critical differences"

    @figure(f"critical_difference_{component.lower()}", title=title, category="Components")
    def critical_difference(
        scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets
    ) -> Figure:
        """Mean ranks, each entry with the best of the other components; a bar joins those that do not differ."""
        result = compared_components(scores, component)
        data = "validation samples" if chosen_on(scores) == VALIDATION else "test data"
        return rank_diagram(title, result, subtitle.format(data=data))


for component, subtitle in SUBTITLES.items():
    _register(component, subtitle)
