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
_MEAN, _ONE = "mean", Fixed(1)

PRESETS: Registry[Preset] = Registry("preset")
# fmt: off
for _name, _label, _norm_pre, _gen, _k, _scoring, _published in (
    ("qi", "Qi et al. 2018", "l2", _MEAN, _ONE, ("l2", "l2", *BEST_PRODUCT), 86.79),
    ("hosoda", "Hosoda et al. 2024", "none", _MEAN, _ONE, ("quantile", "none", *BEST_PRODUCT), 82.90),
    ("janson", "Janson et al. 2022", "none", _MEAN, _ONE, ("none", "none", "mnn", "euclidean", "uniform", 1), 86.64),
    ("westerhoff", "Westerhoff et al. 2025", "l2", "kmeans", Fixed(20), ("l2", "l2", *BEST_PRODUCT), 91.06),
    ("oracle", "Least squares (oracle)", "none", "ls", _ONE, ("none", "none", *BEST_PRODUCT), 94.54),
    ("whiten", "Whitened means", "l2", _MEAN, _ONE, ("whiten+l2", "l2", *BEST_PRODUCT), None),
    ("auto", "Chosen by the task (auto)", "l2", "auto", _ONE, ("none", "l2", *BEST_PRODUCT), None),
    ("ridge", "Ridge (reference)", "l2", "ridge", _ONE, ("none", "l2", *BEST_PRODUCT), None),
    ("probe", "Linear probe (reference)", "l2", "logistic", _ONE, ("none", "l2", *BEST_PRODUCT), None),
    ("lda", "LDA (reference)", "none", _MEAN, _ONE, ("whiten(ledoit_wolf)", "none", "max", "euclidean"), None),
    ("knn", "kNN (reference)", "l2", "all", Every(), ("none", "l2", "mnn", "cosine", "exponential", 20), None),
):
    _configuration = Configuration(_norm_pre, _gen, _k, Scoring(*_scoring))
    PRESETS.add(_name, Preset(_label, _configuration, _published, _label.endswith("(reference)")))
# fmt: on

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
