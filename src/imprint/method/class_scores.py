"""Class scores: how well each class fits each test embedding, by its best proxy or by votes."""

from __future__ import annotations

import numpy as np

from imprint.method.aggregations import AGGREGATIONS, aggregated, needs_all_proxies
from imprint.method.configuration import Scoring
from imprint.method.nearest import nearest_of_classes, products_of_all
from imprint.method.rankings import strips_of
from imprint.method.scoring import (
    MEMORY,
    CandidateHead,
    Mapped,
    Neighbours,
    measured,
    nearest_proxies,
    precision_of,
    ranking_of,
)
from imprint.method.strips import FEW_ROWS, strips
from imprint.method.weightings import vote_weights


def class_scores(
    x: np.ndarray,
    candidate: CandidateHead,
    classes: int,
    fm_classifier: np.ndarray | None = None,
    mapped: Mapped | None = None,
) -> np.ndarray:
    """Score the classes for each embedding, by the first scoring of a candidate.

    With `max`, or one neighbour: the similarity of the best proxy of the class, that is, the inner product (after NORMpost
    and NORMinf), the cosine, or minus the distance. With several neighbours: the share of the votes for the class. With
    another AGG: what it computes from the similarities of all proxies, see `imprint.method.aggregations`.

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Test embeddings.
    candidate : CandidateHead
        Proxies, at least one per class, and how they are scored.
    classes : int
        Number of classes.
    fm_classifier : ndarray of shape (C', D), optional
        The weights of the FM's own classifier, for NORMs that need them.
    mapped : dict, optional
        Cache of x in each space, see `queries_of`.

    Returns
    -------
    ndarray of shape (n, classes)
        Float32, or float64 for votes, a user's AGG, and where similarities have large parts in common, see `precision_of`. The
        engine predicts the class with the largest score, the first among equals.
    """
    scoring, labels = candidate.scorings[0], candidate.labels
    voters = min(scoring.neighbours, len(labels))
    if voters > 1:
        near = nearest_proxies(x, candidate, voters, fm_classifier)
        return _votes(near, labels, scoring, classes)
    ranking, queries = ranking_of(x, candidate, scoring, fm_classifier, mapped)
    of_user = AGGREGATIONS.find(scoring.agg).of_user
    precision = np.float64 if of_user else precision_of(ranking, scoring.distance)
    scores = np.empty((len(x), classes), precision)
    # for few rows the compiled loops are not worth loading; with one proxy per class there is nothing to select
    with_all_proxies = needs_all_proxies(scoring) or len(x) < FEW_ROWS or len(labels) == classes

    def fill(rows: slice) -> None:
        if with_all_proxies:
            numbers, products = products_of_all(ranking, queries, rows)
        else:
            numbers, products = nearest_of_classes(ranking, queries, rows, labels, classes)
        out = scores[rows] if products.shape[1] == classes else None
        near = measured(ranking, queries, scoring.distance, numbers, products, rows, out)
        best = near.similarities
        if with_all_proxies:
            best = aggregated(best, labels, classes, scoring)
        if best is not out:
            scores[rows] = best

    # a row takes a few arrays with this many values
    at_once = MEMORY // (64 * (len(labels) if with_all_proxies else classes))
    all_strips = strips_of(ranking.direct, len(x), len(labels), at_once)
    if of_user:  # its function is called by one thread at a time
        all_strips = strips(len(x), at_once, alone=True)
    with all_strips as each:
        each(fill)
    return scores


def _votes(near: Neighbours, labels: np.ndarray, scoring: Scoring, classes: int) -> np.ndarray:
    """The share (n, classes) of each class in the votes of proxies with these labels (P,)."""
    weights = np.ones(near.numbers.shape)
    if scoring.weighting is not None and near.distances is not None:
        weights = vote_weights(scoring.weighting, near.distances)
    votes = np.zeros((len(weights), classes))
    np.add.at(votes, (np.arange(len(votes))[:, None], labels[near.numbers]), weights)
    # as shares: the weight of a proxy at distance 0 has no bound and would set the scale of all scores
    return votes / np.maximum(votes.sum(axis=1, keepdims=True), np.finfo(float).tiny)
