"""Mean ranks of the named methods, and of AGGs, GENs and NORMs, and which of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.component_rankings import BY_COMPANIONS, BY_CONFIGURATION
from imprint.analysis.matrices import data_chosen_on, few_shots, with_few_shots
from imprint.report.drawing.rank_diagram import rank_diagram
from imprint.report.figures.comparisons import compared_components, compared_presets
from imprint.report.registry import Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Named methods: critical differences"
# subtitles by the way to rank
SUBTITLES = {
    BY_CONFIGURATION: "{component}s by their best-ranked configuration, chosen on {data}{few_shots}.",
    BY_COMPANIONS: "{component}s with the best {companions} for each (FM, task), chosen on {data}{few_shots}.",
}
COMPANIONS = {"AGG": "GEN, k and NORM", "GEN": "k, NORM and AGG", "NORM": "GEN, k and AGG"}
NAMES = {"NORM": "Names: NORMpre/NORMpost/NORMinf.\n"}


@figure("critical_difference", title=TITLE, category="Methods")
def critical_difference(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Mean ranks of the named methods; a bar joins those that do not differ."""
    shots = few_shots(scores)
    subtitle = [f"Named methods with {shots}."] if shots else []
    return rank_diagram("Named methods", compared_presets(scores, presets), *subtitle)


def _register(component: str) -> None:
    title = f"{component}: critical differences"

    @figure(
        f"critical_difference_{component.lower()}",
        title=title,
        category="Components",
        shared_caption="critical_difference_of_component",
        settings=("rank_by",),
    )
    def critical_difference_of_component(
        scores: pd.DataFrame,
        collapse: pd.DataFrame,
        presets: Presets,
        rank_by: str = BY_CONFIGURATION,
    ) -> Figure:
        """Mean ranks, each entry with the companions that `rank_by` chooses; a bar joins those that do not differ."""
        result = compared_components(scores, component, rank_by)
        text = SUBTITLES[rank_by].format(
            component=component,
            companions=COMPANIONS[component],
            data=data_chosen_on(scores),
            few_shots=with_few_shots(scores),
        )
        return rank_diagram(component, result, NAMES.get(component, "") + text)


for component in COMPANIONS:
    _register(component)
