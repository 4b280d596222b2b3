"""Folding: the maps of fitted NORMs are merged into the proxies, so that prediction does not need them.

A linear map z = (x - mean) T of test embeddings gives <p, z> = <p T^T, x> - <p T^T, mean>: a proxy p T^T and a bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imprint.method.configuration import IDENTITY, INNER_PRODUCT, MAX, UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES, LinearForm
from imprint.method.large_arrays import row_blocks
from imprint.method.normalize import chain, l2
from imprint.method.rankings import CLOSE, SOME, Columns, closeness
from imprint.method.scoring import (
    CandidateHead,
    norm_post_of,
    normalised_proxies,
    precise_proxies,
)


@dataclass(frozen=True)
class Folded:
    """A candidate scored by plain inner products, which replaces one with fitted NORMs.

    Attributes
    ----------
    candidate : CandidateHead
        The folded proxies with their bias, and that scoring.
    exact : bool
        Whether its class scores, plus those of `shared`, equal those of the original candidate; otherwise only their order
        does.
    shared : tuple of (ndarray of shape (D,), float) or None
        A proxy, float64, and its bias, whose scores are the same for all classes, so that they are left out; None if there
        is none.
    """

    candidate: CandidateHead
    exact: bool
    shared: tuple[np.ndarray, float] | None = None

    def shared_scores(self, x: np.ndarray) -> np.ndarray:
        """The scores (n, 1) of `shared` for embeddings x (n, D), float64."""
        assert self.shared is not None
        weights, bias = self.shared
        scores = np.empty((len(x), 1))
        for rows in row_blocks(x):
            block = x[rows].astype(np.float64)
            scores[rows, 0] = block @ weights
            if self.candidate.scorings[0].norm_inf == UNIT_LENGTH:
                lengths = np.linalg.norm(block, axis=1)
                scores[rows, 0] /= np.where(lengths > 0, lengths, 1)
        return scores + bias


def fold(candidate: CandidateHead, fm_classifier: np.ndarray | None = None) -> Folded | None:
    """Fold the fitted NORMs of the first scoring of a candidate; without fitted ones, what all proxies share.

    Returns
    -------
    Folded or None
        None if several proxies count, the distance has no linear form, no NORM is fitted and proxies do not lie close together,
        or a fitted NORM is not linear or comes before one that is not.
    """
    scoring = candidate.scorings[0]
    form = DISTANCES.find(scoring.distance).linear
    if form is None or scoring.sums_all or min(scoring.neighbours, len(candidate.labels)) > 1:
        return None
    steps = steps_of(candidate, scoring)
    if steps is None:
        return None
    if all(step == UNIT_LENGTH for step in steps):
        return _without_shared(candidate, scoring, fm_classifier, form)
    scaling = IDENTITY
    if steps[0] == UNIT_LENGTH:
        scaling = steps.pop(0)
    # only without later maps or an offset does a second l2 leave the order of the classes alone
    then_l2 = steps[-1] == UNIT_LENGTH and not form.squares and candidate.bias is None
    if then_l2:
        steps.pop()
    if UNIT_LENGTH in steps:
        return None
    weights = precise_proxies(candidate, scoring.norm_post, fm_classifier)
    if form.unit_length:
        weights = l2(weights)
    bias = np.zeros(len(weights)) if candidate.bias is None else candidate.bias.astype(np.float64)
    if form.squares:
        bias = bias - (weights**2).sum(axis=1) / 2
    for norm in reversed(steps):
        weights = weights @ norm.components_.T
        if hasattr(norm, "mean_"):
            bias = bias - weights @ norm.mean_
    exact = not (form.unit_length or form.squares or then_l2)
    some = weights[:: -(-len(weights) // SOME)]
    shares = form.squares or closeness(some) > CLOSE
    return _folded(weights, bias, candidate.labels, scaling, exact, shares)


def _without_shared(
    candidate: CandidateHead,
    scoring: Scoring,
    fm_classifier: np.ndarray | None,
    form: LinearForm,
) -> Folded | None:
    """A candidate without fitted NORMs, folded if its proxies lie close together; a distance sees to this itself."""
    post = norm_post_of(candidate, scoring)
    normalised = normalised_proxies(Columns(candidate.values), candidate, post, fm_classifier)
    if form.squares or normalised.closeness < CLOSE:
        return None
    weights = precise_proxies(candidate, post, fm_classifier)
    bias = np.zeros(len(weights)) if candidate.bias is None else candidate.bias.astype(np.float64)
    scaling = scoring.norm_inf
    if form.unit_length:
        weights, bias, scaling = l2(weights), np.zeros(len(weights)), UNIT_LENGTH
    return _folded(weights, bias, candidate.labels, scaling, exact=True, shares=True)


def _folded(
    weights: np.ndarray,
    bias: np.ndarray,
    labels: np.ndarray,
    scaling: str,
    exact: bool,
    shares: bool,
) -> Folded:
    """Folded proxies; `shares`: without their mean, which changes no order, and would use up the digits of float32."""
    mean, mean_bias = weights.mean(axis=0), float(bias.mean())
    if shares:
        weights, bias = weights - mean, bias - mean_bias
    plain = CandidateHead(
        weights.astype(np.float32),
        labels,
        (Scoring(IDENTITY, scaling, MAX, INNER_PRODUCT),),
        bias=bias.astype(np.float32) if bias.any() else None,
    )
    return Folded(plain, exact, (mean, mean_bias) if exact and shares else None)


def steps_of(candidate: CandidateHead, scoring: Scoring) -> list[Any] | None:
    """The steps of test embeddings on their way to the proxies: NORMinf and the fitted steps of NORMpost.

    Returns
    -------
    list or None
        Each step is the name `l2` or a fitted NORM with `components_`, a linear map; None if one is of another kind.
    """
    inf = chain(scoring.norm_inf).steps
    fitted = iter(candidate.norms.of_space(IDENTITY, scoring.norm_inf))
    steps = [next(fitted) if step.entry.fitted else step.entry.name for step in inf]
    steps += candidate.norms.of_space(candidate.norm_pre, scoring.norm_post)
    known = (step == UNIT_LENGTH or hasattr(step, "components_") for step in steps)
    return steps if all(known) else None
