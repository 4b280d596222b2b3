"""Folding: the maps that fitted NORMs learn, taken into the proxies, so that prediction needs none of them.

A linear map z = (x - mean) T of test embeddings gives <p, z> = <p T^T, x> - <p T^T, mean>: a proxy p T^T and a bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.method.configuration import IDENTITY, INNER_PRODUCT, MAX, UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES
from imprint.method.normalize import chain, l2
from imprint.method.scoring import CandidateHead


@dataclass(frozen=True)
class Folded:
    """A candidate that is scored by plain inner products, in place of one with fitted NORMs.

    Attributes
    ----------
    candidate : CandidateHead
        Its proxies with a bias, and that scoring.
    exact : bool
        Whether its class scores are those of the other one; if not, only their order is.
    """

    candidate: CandidateHead
    exact: bool


def fold(candidate: CandidateHead, fm_classifier: np.ndarray | None = None) -> Folded | None:
    """Fold what is fitted in the first scoring of a candidate.

    Returns
    -------
    Folded or None
        None where several proxies count, for distances without a linear form, and fitted NORMs that are not linear or stand
        before one that is not.
    """
    scoring = candidate.scorings[0]
    form = DISTANCES.find(scoring.distance).linear
    if form is None or scoring.sums_all or min(scoring.neighbours, len(candidate.labels)) > 1:
        return None
    # test embeddings: what only scales them, the fitted maps, and perhaps l2, which changes no order of products
    steps = list(chain(scoring.norm_inf).steps)
    first = IDENTITY
    if steps and not steps[0].entry.fitted:
        first = steps.pop(0).entry.name
    last_is_l2 = bool(steps) and steps[-1].entry.name == UNIT_LENGTH
    if last_is_l2:
        steps.pop()
    space = candidate.norms.of_space(candidate.norm_pre, scoring.norm_post)
    maps = candidate.norms.of_space(IDENTITY, scoring.norm_inf) + space
    changes_order = bool(space) or form.squares or candidate.bias is not None
    in_the_way = last_is_l2 and changes_order
    if first not in (IDENTITY, UNIT_LENGTH) or len(steps) + len(space) != len(maps) or in_the_way:
        return None
    if not maps or not all(hasattr(norm, "components_") for norm in maps):
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
    for norm in reversed(maps):
        weights = weights @ norm.components_.T  # type: ignore[attr-defined]
        if hasattr(norm, "mean_"):
            bias = bias - weights @ norm.mean_
    plain = CandidateHead(
        weights.astype(np.float32),
        candidate.labels,
        (Scoring(IDENTITY, first, MAX, INNER_PRODUCT),),
        bias=bias.astype(np.float32) if bias.any() else None,
    )
    exact = not (form.unit_length or form.squares or last_is_l2)
    return Folded(plain, exact)
