"""The components of a method by kind and name: the code of these components decides its results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imprint.method.aggregations import AGGREGATIONS, Aggregation
from imprint.method.configuration import Configuration, Scoring
from imprint.method.distances import DISTANCES, Distance
from imprint.method.generate.registry import GENERATORS, Generator
from imprint.method.normalize.chains import chain
from imprint.method.normalize.registry import NORMS, Normalization
from imprint.method.weightings import WEIGHTINGS, Weighting, find_weighting
from imprint.registry import Registry

Component = Generator | Normalization | Aggregation | Distance | Weighting


def components_of(method: Configuration) -> dict[str, Component]:
    """All components of a method."""
    named = components_of_proxies(method.gen, method.norms)
    return named | components_of_scoring(method.norm_pre, method.scoring)


def components_of_proxies(gen: str, norms: Iterable[str]) -> dict[str, Component]:
    """The components that generate proxies: a GEN and the NORMs before it.

    Examples
    --------
    >>> list(components_of_proxies("kmeans", ["none", "l2+whiten"]))
    ['GEN kmeans', 'NORM l2', 'NORM whiten']
    """
    return _named(GENERATORS, GENERATORS.find(gen)) | _norm_components(norms)


def components_of_scoring(norm_pre: str, scoring: Scoring) -> dict[str, Component]:
    """The components that score proxies which were generated after `norm_pre`."""
    named = _norm_components((norm_pre, scoring.norm_post, scoring.norm_inf))
    named |= _named(AGGREGATIONS, AGGREGATIONS.find(scoring.agg))
    named |= _named(DISTANCES, DISTANCES.find(scoring.distance))
    if scoring.weighting is not None:
        named |= _named(WEIGHTINGS, find_weighting(scoring.weighting)[0])
    return named


def _norm_components(norms: Iterable[str]) -> dict[str, Component]:
    named: dict[str, Component] = {}
    for norm in norms:
        for step in chain(norm).steps:
            named |= _named(NORMS, step.entry)
    return named


def _named(registry: Registry[Any], entry: Component) -> dict[str, Component]:
    return {f"{registry.kind} {entry.name}": entry}
