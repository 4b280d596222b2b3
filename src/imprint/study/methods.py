"""The methods of an experiment: its presets, and every combination of its axes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from imprint.method.aggregations import AGGREGATIONS
from imprint.method.configuration import (
    Configuration,
    K,
    Scoring,
    parse_k,
)
from imprint.method.generate import GENERATORS
from imprint.method.normalize import are_combined
from imprint.method.presets import PRESETS
from imprint.study.config.experiments import AggGrid, Experiment, GenGrid


def configurations(experiment: Experiment) -> list[Configuration]:
    """The distinct methods of an experiment, presets first."""
    methods = dict.fromkeys(PRESETS.find(name).configuration for name in experiment.presets)
    for grid in experiment.gen:
        norms = product(experiment.norm_pre, experiment.norm_post, experiment.norm_inf)
        for (pre, post, inf), k in product(norms, ks_of(grid)):
            if not are_combined(pre, post, inf):
                continue
            for agg in experiment.agg:
                for scoring in _scorings(agg, post, inf):
                    if GENERATORS.find(grid.name).problem(pre, scoring):
                        continue
                    methods[Configuration(pre, grid.name, k, scoring)] = None
    return list(methods)


def ks_of(grid: GenGrid) -> list[K]:
    """The values of k for one GEN of an experiment."""
    if grid.k:
        return [parse_k(k) for k in grid.k]
    k = GENERATORS.find(grid.name).only_k
    return [k] if k else []


def _scorings(agg: AggGrid, norm_post: str, norm_inf: str) -> Iterator[Scoring]:
    entry = AGGREGATIONS.find(agg.name)
    distances = agg.distance or (entry.default_distance,)
    weightings: tuple[str | None, ...] = agg.weighting or (entry.default_weighting,)
    for distance, weighting, m in product(distances, weightings, agg.m or (None,)):
        yield Scoring(norm_post, norm_inf, agg.name, distance, weighting, m)


def sort_key(configuration: Configuration) -> tuple[tuple[bool, Any], ...]:
    """Sort key of configurations, field by field; missing values come first."""
    return tuple((value is not None, value) for value in configuration.columns().values())
