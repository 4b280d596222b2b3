"""Published methods as named configurations, with the average accuracy their comparison reports.

The figures are means over 4 FMs and 12 tasks, in percent, from Westerhoff et al. (TMLR 2025, arXiv 2503.14572).
"""

from __future__ import annotations

from typing import NamedTuple

from imprint.method import Configuration


class Preset(NamedTuple):
    """A published method: how figures name it, what it is, and its published mean accuracy in percent."""

    label: str
    configuration: Configuration
    published: float


PRESETS = {
    "qi": Preset("Qi et al. 2018", Configuration("l2", "mean", 1, "l2", "l2", "max", "inner_product"), 86.79),
    "hosoda": Preset(
        "Hosoda et al. 2024",
        Configuration("none", "mean", 1, "quantile", "none", "max", "inner_product"),
        82.90,
    ),
    "janson": Preset(
        "Janson et al. 2022",
        Configuration("none", "mean", 1, "none", "none", "mnn", "euclidean", "uniform", 1),
        86.64,
    ),
    "westerhoff": Preset(
        "Westerhoff et al. 2025",
        Configuration("l2", "kmeans", 20, "l2", "l2", "max", "inner_product"),
        91.06,
    ),
    "oracle": Preset(
        "Least squares (oracle)",
        Configuration("none", "ls", 1, "none", "none", "max", "inner_product"),
        94.54,
    ),
}


def published() -> dict[str, dict[str, object]]:
    """The presets as tables and figures take them: label, published mean accuracy, and the parts of the method."""
    return {
        name: {"label": preset.label, "published": preset.published, **preset.configuration._asdict()}
        for name, preset in PRESETS.items()
    }
