"""How well each class fits each test embedding: the best of its proxies, or the votes for it."""

from __future__ import annotations

import numpy as np

from imprint.method.configuration import Scoring
from imprint.method.scoring import MEMORY, Candidate, nearest_proxies, ranking, similarities
from imprint.method.weightings import find_weighting, vote_weights


def class_scores(
    x: np.ndarray, candidate: Candidate, classes: int, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Scores of the classes by the first scoring of a candidate.

    With `max`, or one neighbour: the similarity of the best proxy of the class, which is the inner product (after NORMpost
    and NORMinf), the cosine, or minus the distance. With several neighbours: the sum of the votes for it. With `logsumexp`:
    T log(sum of exp(similarity / T)) over the proxies of the class, a smooth maximum (Qian et al. 2019, "SoftTriple").

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Test embeddings.
    candidate : Candidate
        The proxies, each class at least once, and how they are scored.
    classes : int
        Number of classes.
    fm_classifier : ndarray of shape (C', D), optional
        The weights of the FM's own classifier, for NORMs that need them.

    Returns
    -------
    ndarray of shape (n, classes)
        The largest, the first among equals, is what the engine predicts.
    """
    scoring = candidate.scorings[0]
    voters = min(scoring.neighbours, len(candidate.labels))
    if voters > 1:
        return _votes(x, candidate, scoring, voters, classes, fm_classifier)
    firsts = np.searchsorted(candidate.labels, np.arange(classes + 1))
    scores = np.empty((len(x), classes), np.float32)
    how, queries = ranking(x, candidate, scoring, fm_classifier)
    for rows, of_proxies in similarities(how, queries, scoring.distance, MEMORY):
        np.maximum.reduceat(of_proxies, firsts[:-1], axis=1, out=scores[rows])
        if scoring.sums_all:
            assert scoring.weighting is not None
            _, (temperature,) = find_weighting(scoring.weighting)
            powers = np.exp((of_proxies - scores[rows][:, candidate.labels]) / temperature)
            scores[rows] += temperature * np.log(np.add.reduceat(powers, firsts[:-1], axis=1))
    return scores


def _votes(
    x: np.ndarray,
    candidate: Candidate,
    scoring: Scoring,
    voters: int,
    classes: int,
    fm_classifier: np.ndarray | None,
) -> np.ndarray:
    near = nearest_proxies(x, candidate, voters, fm_classifier)
    weights = np.ones(near.numbers.shape)
    if scoring.weighting is not None and near.distances is not None:
        weights = vote_weights(scoring.weighting, near.distances)
    votes = np.zeros((len(x), classes))
    np.add.at(votes, (np.arange(len(x))[:, None], candidate.labels[near.numbers]), weights)
    return votes
