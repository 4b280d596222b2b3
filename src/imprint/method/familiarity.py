"""Familiarity: how well samples fit the known classes, compared with held-out training samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from imprint.errors import UserError
from imprint.method.calibration import probabilities
from imprint.method.scoring import CandidateHead, Mapped, nearest_proxies, queries_of


@dataclass(frozen=True)
class Familiarity:
    """Signals of held-out training samples, with which samples of unknown classes are detected.

    A sample has two signals, `similarity` and `certainty`. Each is ranked together with those of the held-out samples; the
    lower rank decides how familiar the sample is.

    Parameters
    ----------
    held_out : ndarray of shape (H, 2)
        Similarity and certainty of each held-out prediction.
    samples : int
        Number of distinct samples among them.

    Examples
    --------
    >>> known = Familiarity(np.array([[0.9, -0.1], [0.8, -0.2], [0.7, -0.3]]), samples=3)
    >>> known.of(np.array([[0.85, -0.05], [0.85, -0.5], [0.6, -0.5]]))
    array([1.  , 0.5 , 0.25])
    """

    held_out: np.ndarray
    samples: int

    def of(self, signals: np.ndarray) -> np.ndarray:
        """The familiarity (n,) of samples with these signals (n, 2).

        The share of samples that are at most as familiar, among the held-out ones and the sample itself. This is a
        conformal p-value: at most a share a of the samples of known classes has a familiarity of a or less.
        """
        weight = len(self.held_out) / self.samples  # of a sample: it was held out so many times
        held_out_ranks, ranks = self._ranks(self.held_out), self._ranks(signals)
        lowest = ranks.min(axis=1)[:, None]
        # Ranked together, the ranks of the new sample grow by `weight`, those of a held-out sample only where its signal is no
        # smaller than that of the new sample. So a held-out sample is no more familiar if one of its ranks is at most
        # `lowest` plus a shift
        smaller = self._ranks(signals, side="left")
        shifts = np.where(ranks == lowest, 0, np.minimum(smaller - lowest, weight))
        no_more = np.full(len(signals), np.nan)
        # without ties, and if each sample was held out once, every row has one of these shifts; equal ones share a sort
        for usual in ((0, 0), (0, weight), (weight, 0)):
            chosen = (shifts == usual).all(axis=1)
            least = np.sort((held_out_ranks - np.array(usual)).min(axis=1))
            no_more[chosen] = np.searchsorted(least, lowest[chosen, 0], side="right")
        for i in np.flatnonzero(np.isnan(no_more)):  # the other rows
            no_more[i] = (held_out_ranks - shifts[i] <= lowest[i]).any(axis=1).sum()
        no_more /= len(self.held_out)
        return (1 + self.samples * no_more) / (1 + self.samples)

    def _ranks(self, signals: np.ndarray, side: Literal["left", "right"] = "right") -> np.ndarray:
        """How many held-out signals are no larger ("left": smaller) than each of these, (n, 2)."""
        columns = zip(self.held_out.T, signals.T, strict=True)
        return np.stack([np.searchsorted(np.sort(h), of, side) for h, of in columns], axis=1)

    @property
    def least(self) -> float:
        """The smallest share of known samples that can be rejected."""
        return 1 / (1 + self.samples)

    def require(self, share: float) -> None:
        """Check a share of known samples to reject.

        Raises
        ------
        UserError
            If it is not between 0 and 1, or there are too few held-out samples for it.
        """
        if isinstance(share, str) or not 0 < share < 1:
            raise UserError(
                f"reject {share!r}: the share of images of known classes to reject is between 0 and 1, such as 0.05"
            )
        if share < self.least:
            raise UserError(
                f"reject {share}: the least share that {self.samples:,} held-out training samples allow is {self.least:.2g}"
            )


def similarity(
    x: np.ndarray,
    candidate: CandidateHead,
    fm_classifier: np.ndarray | None = None,
    class_scores: np.ndarray | None = None,
    mapped: Mapped | None = None,
) -> np.ndarray:
    """The similarity (n,) of the proxy nearest to each embedding of x (n, D), by the first scoring of a candidate.

    An inner product without a bias is divided by the length of the embedding, in the space of a fitted NORMpost if there is
    one. If class scores (n, C) are given and AGG is plain `max`, no products are computed: the largest score is that of the
    nearest proxy. `mapped`: see `queries_of`.
    """
    scoring = candidate.scorings[0]
    if class_scores is not None and scoring.is_best_product:
        near, is_product = class_scores.max(axis=1), True
    else:
        nearest = nearest_proxies(x, candidate, 1, fm_classifier)
        near, is_product = nearest.similarities[:, 0], nearest.distances is None
    if not is_product or candidate.bias is not None:
        return near
    queries = queries_of(np.asarray(x, np.float32), candidate, scoring, mapped)
    lengths = queries.lengths * queries.scale
    return near / np.where(lengths > 0, lengths, 1)


def certainty(class_scores: np.ndarray, inverse_temperature: float) -> np.ndarray:
    """Minus the entropy (n,) of the probabilities that class scores (n, C) give at a temperature."""
    p = probabilities(class_scores, inverse_temperature)
    logarithms = np.log(np.maximum(p, np.finfo(float).tiny))
    return (p * logarithms).sum(axis=1)
