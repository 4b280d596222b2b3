"""Folding: the maps of fitted NORMs are merged into the proxies, so that prediction does not need them.

A linear map z = (x - mean) T of test embeddings gives <p, z> = <p T^T, x> - <p T^T, mean>: a proxy p T^T and a bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imprint.method.aggregations import needs_all_proxies
from imprint.method.configuration import IDENTITY, INNER_PRODUCT, MAX, UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES, LinearForm
from imprint.method.normalize import chain, l2
from imprint.method.operands import CLOSE, closeness, some_of
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
    form = linear_form(candidate, scoring)
    if form is None:
        return None
    steps = steps_of(candidate, scoring)
    if not steps or steps == [UNIT_LENGTH]:
        return None
    scaling = IDENTITY
    if steps[0] == UNIT_LENGTH:
        scaling = steps.pop(0)
    # a second l2 can be left out if no map and no offset follows it: it then leaves the order of the classes unchanged
    then_l2 = steps[-1] == UNIT_LENGTH and not form.squares and candidate.bias is None
    if then_l2:
        steps.pop()
    if UNIT_LENGTH in steps:
        return None
    values = l2(candidate.values) if candidate.unit_length else candidate.values
    weights = candidate.norms.apply_to_proxies(
        candidate.norm_pre, scoring.norm_post, values, candidate.labels, fm_classifier
    ).astype(np.float64)
    if form.unit_length or chain(scoring.norm_post).ends_in_unit_length:
        # in float64, because float32 lengths are less exact than the differences of close proxies
        weights = l2(weights)
    bias = np.zeros(len(weights)) if candidate.bias is None else candidate.bias.astype(np.float64)
    if form.squares:
        bias = bias - (weights**2).sum(axis=1) / 2
    for norm in reversed(steps):
        weights = weights @ norm.components_.T
        if hasattr(norm, "mean_"):
            bias = bias - weights @ norm.mean_
    close = closeness(weights[some_of(len(weights))]) > CLOSE
    if form.squares or close:
        # what all proxies share changes no order and costs float32 digits
        weights, bias = weights - weights.mean(axis=0), bias - bias.mean()
    plain = CandidateHead(
        weights.astype(np.float32),
        candidate.labels,
        (Scoring(IDENTITY, scaling, MAX, INNER_PRODUCT),),
        bias=bias.astype(np.float32) if bias.any() else None,
    )
    exact = not (form.unit_length or form.squares or then_l2 or close)
    return Folded(plain, exact)


def linear_form(candidate: CandidateHead, scoring: Scoring) -> LinearForm | None:
    """The linear form of the distance if one proxy decides; None if several count, or the distance has none."""
    several = needs_all_proxies(scoring) or min(scoring.neighbours, len(candidate.labels)) > 1
    return None if several else DISTANCES.find(scoring.distance).linear


def steps_of(candidate: CandidateHead, scoring: Scoring) -> list[Any] | None:
    """The steps of test embeddings on their way to the proxies: NORMinf and the fitted steps of NORMpost.

    Returns
    -------
    list or None
        Each step is the name `l2` or a fitted NORM with `components_`, a linear map; None if one is of another kind.
    """
    inf = chain(scoring.norm_inf).steps
    fitted = iter(candidate.norms.fitted_steps(IDENTITY, scoring.norm_inf))
    steps = [next(fitted) if step.entry.fitted else step.entry.name for step in inf]
    steps += candidate.norms.fitted_steps(candidate.norm_pre, scoring.norm_post)
    known = (step == UNIT_LENGTH or hasattr(step, "components_") for step in steps)
    return steps if all(known) else None
