"""Presets: named configurations of published methods, with their published mean accuracy, and of later methods.

Accuracies are means over 4 FMs and 12 tasks, in percent, from Westerhoff et al. (TMLR 2025, arXiv 2503.14572). References
are not imprinting: they are ranked beside it and marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imprint.method.configuration import FIELDS, Configuration, Every, Fixed, K, Scoring
from imprint.registry import Registry


class Preset(NamedTuple):
    """A method with a name.

    Attributes
    ----------
    label : str
        Its name in figures and tables.
    configuration : Configuration
        The method.
    published : float or None
        Its published mean accuracy in percent.
    reference : bool
        Whether it is a reference that imprinting is compared with.
    """

    label: str
    configuration: Configuration
    published: float | None = None
    reference: bool = False


BEST_PRODUCT = ("max", "inner_product")
_ONE = Fixed(1)

PRESETS: Registry[Preset] = Registry("preset")


def _add(
    name: str,
    label: str,
    norm_pre: str,
    gen: str,
    scoring: Scoring,
    k: K = _ONE,
    **facts: Any,
) -> None:
    """Register a preset; facts are fields of `Preset`."""
    PRESETS.add(name, Preset(label, Configuration(norm_pre, gen, k, scoring), **facts))


def _product(norm_post: str, norm_inf: str) -> Scoring:
    return Scoring(norm_post, norm_inf, *BEST_PRODUCT)


# fmt: off
_add("qi", "Qi et al. 2018", "l2", "mean", _product("l2", "l2"), published=86.79)
_add("hosoda", "Hosoda et al. 2024", "none", "mean", _product("quantile", "none"), published=82.90)
_add("janson", "Janson et al. 2022", "none", "mean", Scoring("none", "none", "mnn", "euclidean", "uniform", 1), published=86.64)
_add("westerhoff", "Westerhoff et al. 2025", "l2", "kmeans", _product("l2", "l2"), Fixed(20), published=91.06)
_add("oracle", "Least squares (oracle)", "none", "ls", _product("none", "none"), published=94.54)
_add("whiten", "Whitened means", "l2", "mean", _product("whiten+l2", "l2"))
_add("auto", "Automatic choice (auto)", "l2", "auto", _product("none", "l2"))
_add("ridge", "Ridge (reference)", "l2", "ridge", _product("none", "l2"), reference=True)
_add("probe", "Linear probe (reference)", "l2", "logistic", _product("none", "l2"), reference=True)
_add("lda", "LDA (reference)", "none", "mean", Scoring("whiten(ledoit_wolf)", "none", "max", "euclidean"), reference=True)
_add("knn", "kNN (reference)", "l2", "all", Scoring("none", "l2", "mnn", "cosine", "exponential", 20), Every(), reference=True)
# fmt: on


# The paper's comparison of AGGs, with k-means, k = 20 and l2 throughout; `max` with the inner product is the preset. The
# published accuracies are those of the better weighting, by distance; with m = 1 the weighting does not matter.
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
    """The published mean accuracy (%) of a method, over 4 FMs and 12 tasks, or None.

    columns: the fields of the method as in frames, with None for missing ones, see `Configuration.columns`.
    """
    for configuration, accuracy in PUBLISHED.items():
        if configuration.columns() == {name: columns[name] for name in FIELDS}:
            return accuracy
    return None


def preset_rows() -> dict[str, dict[str, object]]:
    """The presets for tables and figures: label, published mean accuracy, and the fields of the method."""
    return {
        name: {
            "label": preset.label,
            "published": preset.published,
            "reference": preset.reference,
            **preset.configuration.columns(),
        }
        for name, preset in PRESETS.items()
    }
