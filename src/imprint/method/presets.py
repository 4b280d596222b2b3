"""Named configurations: published methods with the average accuracy that their comparison reports, and what came after.

The figures are means over 4 FMs and 12 tasks, in percent, from Westerhoff et al. (TMLR 2025, arXiv 2503.14572). References
are no imprinting: they are ranked beside it and marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imprint.method.configuration import FIELDS, Configuration, Every, Fixed, Scoring
from imprint.registry import Registry


class Preset(NamedTuple):
    """A method with a name.

    Attributes
    ----------
    label : str
        How figures and tables name it.
    configuration : Configuration
        What it is.
    published : float or None
        Its published mean accuracy in percent.
    reference : bool
        Whether it is no imprinting but what imprinting is compared with.
    """

    label: str
    configuration: Configuration
    published: float | None = None
    reference: bool = False


BEST_PRODUCT = ("max", "inner_product")

PRESETS: Registry[Preset] = Registry("preset")
PRESETS.add(
    "qi",
    Preset(
        "Qi et al. 2018",
        Configuration("l2", "mean", Fixed(1), Scoring("l2", "l2", *BEST_PRODUCT)),
        86.79,
    ),
)
PRESETS.add(
    "hosoda",
    Preset(
        "Hosoda et al. 2024",
        Configuration("none", "mean", Fixed(1), Scoring("quantile", "none", *BEST_PRODUCT)),
        82.90,
    ),
)
PRESETS.add(
    "janson",
    Preset(
        "Janson et al. 2022",
        Configuration(
            "none", "mean", Fixed(1), Scoring("none", "none", "mnn", "euclidean", "uniform", 1)
        ),
        86.64,
    ),
)
PRESETS.add(
    "westerhoff",
    Preset(
        "Westerhoff et al. 2025",
        Configuration("l2", "kmeans", Fixed(20), Scoring("l2", "l2", *BEST_PRODUCT)),
        91.06,
    ),
)
PRESETS.add(
    "oracle",
    Preset(
        "Least squares (oracle)",
        Configuration("none", "ls", Fixed(1), Scoring("none", "none", *BEST_PRODUCT)),
        94.54,
    ),
)


PRESETS.add(
    "whiten",
    Preset(
        "Whitened means",
        Configuration("l2", "mean", Fixed(1), Scoring("whiten+l2", "l2", *BEST_PRODUCT)),
    ),
)
PRESETS.add(
    "auto",
    Preset(
        "Chosen by the task (auto)",
        Configuration("l2", "auto", Fixed(1), Scoring("none", "l2", *BEST_PRODUCT)),
    ),
)
PRESETS.add(
    "ridge",
    Preset(
        "Ridge (reference)",
        Configuration("l2", "ridge", Fixed(1), Scoring("none", "l2", *BEST_PRODUCT)),
        reference=True,
    ),
)
PRESETS.add(
    "probe",
    Preset(
        "Linear probe (reference)",
        Configuration("l2", "logistic", Fixed(1), Scoring("none", "l2", *BEST_PRODUCT)),
        reference=True,
    ),
)
PRESETS.add(
    "lda",
    Preset(
        "LDA (reference)",
        Configuration(
            "none",
            "mean",
            Fixed(1),
            Scoring("whiten(ledoit_wolf)", "none", "max", "euclidean"),
        ),
        reference=True,
    ),
)
PRESETS.add(
    "knn",
    Preset(
        "kNN (reference)",
        Configuration(
            "l2", "all", Every(), Scoring("none", "l2", "mnn", "cosine", "exponential", 20)
        ),
        reference=True,
    ),
)


# The paper's comparison of AGGs, with k-means, k = 20 and l2 throughout; `max` with the inner product is the preset. The
# published figures are of the better weighting, by distance; with m = 1 there is nothing to weigh.
_AGGS = {
    ("max", "euclidean", None, None): 91.06,
    ("mnn", "euclidean", "uniform", 1): 91.06,
    ("mnn", "euclidean", "distance", 1): 91.06,
    ("mnn", "euclidean", "distance", 3): 90.59,
    ("mnn", "euclidean", "distance", 5): 90.12,
    ("mnn", "euclidean", "distance", 20): 87.05,
    ("mnn", "euclidean", "distance", 50): 84.23,
}
PUBLISHED: dict[Configuration, float] = {
    **{preset.configuration: preset.published for _, preset in PRESETS.items() if preset.published},
    **{
        Configuration("l2", "kmeans", Fixed(20), Scoring("l2", "l2", *agg)): accuracy
        for agg, accuracy in _AGGS.items()
    },
}


def published_accuracy(columns: Mapping[str, Any]) -> float | None:
    """The published mean accuracy (%) of a method, over 4 FMs and 12 tasks; None where there is none.

    columns: the fields of the method as frames hold them, missing ones as None, see `Configuration.columns`.
    """
    for configuration, accuracy in PUBLISHED.items():
        if configuration.columns() == {name: columns[name] for name in FIELDS}:
            return accuracy
    return None


def published() -> dict[str, dict[str, object]]:
    """The presets as tables and figures take them: label, published mean accuracy, and the fields of the method."""
    return {
        name: {
            "label": preset.label,
            "published": preset.published,
            "reference": preset.reference,
            **preset.configuration.columns(),
        }
        for name, preset in PRESETS.items()
    }
