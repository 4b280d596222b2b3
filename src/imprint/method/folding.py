"""Folding: the maps of fitted NORMs are merged into the proxies, so that prediction does not need them.

A linear map z = (x - mean) T of test embeddings gives <p, z> = <p T^T, x> - <p T^T, mean>: a proxy p T^T and a bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from imprint.method.configuration import IDENTITY, INNER_PRODUCT, MAX, UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES
from imprint.method.normalize import chain, l2
from imprint.method.scoring import CandidateHead


@dataclass(frozen=True)
class Folded:
    """A candidate scored by plain inner products, which replaces one with fitted NORMs.

    Attributes
    ----------
    candidate : CandidateHead
        The folded proxies with their bias, and that scoring.
    exact : bool
        Whether its class scores equal those of the original candidate; otherwise only their order does.
    """

    candidate: CandidateHead
    exact: bool


def fold(candidate: CandidateHead, fm_classifier: np.ndarray | None = None) -> Folded | None:
    """Fold the fitted NORMs of the first scoring of a candidate.

    Returns
    -------
    Folded or None
        None if several proxies count, the distance has no linear form, no NORM is fitted, or a fitted NORM is not linear or
        comes before one that is not.
    """
    scoring = candidate.scorings[0]
    form = DISTANCES.find(scoring.distance).linear
    if form is None or scoring.sums_all or min(scoring.neighbours, len(candidate.labels)) > 1:
        return None
    parts = _parts(candidate, scoring)
    if parts is None:
        return None
    if parts.then_l2 and (parts.learnt_after or form.squares or candidate.bias is not None):
        # without this l2, maps after it or an offset would change the order of the classes
        return None
    values = l2(candidate.values) if candidate.unit_length else candidate.values
    weights = candidate.norms.of_proxies(
        candidate.norm_pre, scoring.norm_post, values, candidate.labels, fm_classifier
    ).astype(np.float64)
    if form.unit_length:
        weights = l2(weights)
    bias = np.zeros(len(weights)) if candidate.bias is None else candidate.bias.astype(np.float64)
    if form.squares:
        bias = bias - (weights**2).sum(axis=1) / 2
    for norm in reversed(parts.maps):
        weights = weights @ norm.components_.T
        if hasattr(norm, "mean_"):
            bias = bias - weights @ norm.mean_
    if form.squares:
        # what all proxies share changes no order, and would use up the digits of float32
        weights, bias = weights - weights.mean(axis=0), bias - bias.mean()
    plain = CandidateHead(
        weights.astype(np.float32),
        candidate.labels,
        (Scoring(IDENTITY, parts.scaling, MAX, INNER_PRODUCT),),
        bias=bias.astype(np.float32) if bias.any() else None,
    )
    exact = not (form.unit_length or form.squares or parts.then_l2)
    return Folded(plain, exact)


class _Parts(NamedTuple):
    """The steps that test embeddings go through: a scaling, linear maps, and possibly l2.

    scaling: `none` or `l2`. learnt_after: whether the last maps belong to NORMpost, after that l2.
    """

    scaling: str
    maps: list[Any]
    then_l2: bool
    learnt_after: bool


def _parts(candidate: CandidateHead, scoring: Scoring) -> _Parts | None:
    """The steps of NORMinf and the fitted steps of NORMpost; None if they have another form or none is fitted."""
    steps = list(chain(scoring.norm_inf).steps)
    scaling = IDENTITY
    if steps and not steps[0].entry.fitted:
        scaling = steps.pop(0).entry.name
    then_l2 = bool(steps) and steps[-1].entry.name == UNIT_LENGTH
    if then_l2:
        steps.pop()
    of_inf = candidate.norms.of_space(IDENTITY, scoring.norm_inf)
    of_post = candidate.norms.of_space(candidate.norm_pre, scoring.norm_post)
    maps = of_inf + of_post
    others_between = len(steps) != len(of_inf)
    linear = bool(maps) and all(hasattr(norm, "components_") for norm in maps)
    if scaling not in (IDENTITY, UNIT_LENGTH) or others_between or not linear:
        return None
    return _Parts(scaling, maps, then_l2, bool(of_post))
