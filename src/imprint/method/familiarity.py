"""How well samples fit the known classes, measured against training samples that were held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.errors import UserError
from imprint.method.calibration import probabilities
from imprint.method.scoring import CandidateHead, Mapped, nearest_proxies, queries_of


@dataclass(frozen=True)
class Familiarity:
    """What samples of unknown classes are told by: the signals of held-out training samples.

    A sample is as familiar as the worse of its two signals, each ranked among those of the held-out samples: similarity, see
    `similarity`, and certainty, see `certainty`.

    Parameters
    ----------
    held_out : ndarray of shape (H, 2)
        Similarity and certainty of each prediction of a held-out sample.
    samples : int
        Distinct samples among them.

    Examples
    --------
    >>> known = Familiarity(np.array([[0.9, -0.1], [0.8, -0.2], [0.7, -0.3]]), samples=3)
    >>> known.of(np.array([[0.8, -0.1], [0.8, -0.5]]))
    array([0.75, 0.25])
    """

    held_out: np.ndarray
    samples: int

    def of(self, signals: np.ndarray) -> np.ndarray:
        """The familiarity (n,) of samples with these signals (n, 2).

        The share of held-out samples that are no more familiar, the sample counted among them. At most this share of
        samples of known classes is less familiar (a conformal p-value).
        """
        of_held_out = np.sort(self._worse(self.held_out))
        no_more = _share(of_held_out, self._worse(signals))
        return (1 + self.samples * no_more) / (1 + self.samples)

    def _worse(self, signals: np.ndarray) -> np.ndarray:
        """The worse of the ranks of two signals (n, 2) among the held-out ones."""
        ranks = [
            _share(np.sort(of_held_out), of_samples)
            for of_held_out, of_samples in zip(self.held_out.T, signals.T, strict=True)
        ]
        return np.minimum(*ranks)

    @property
    def least(self) -> float:
        """The least share of known samples that can be rejected."""
        return 1 / (1 + self.samples)

    def require(self, share: float) -> None:
        """Check a share of known samples to reject.

        Raises
        ------
        UserError
            If it is no share, or there are too few held-out samples for it.
        """
        if not 0 < share < 1:
            raise UserError(
                f"reject {share}: the share of images of known classes to reject is between 0 and 1, such as 0.05"
            )
        if share < self.least:
            raise UserError(
                f"reject {share}: the least share that {self.samples:,} held-out training samples allow is {self.least:.2g}"
            )


def _share(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The share of ascending numbers (h,) that are no larger than each of the values (n,)."""
    return np.searchsorted(ordered, values, side="right") / len(ordered)


def similarity(
    x: np.ndarray,
    candidate: CandidateHead,
    fm_classifier: np.ndarray | None = None,
    class_scores: np.ndarray | None = None,
    mapped: Mapped | None = None,
) -> np.ndarray:
    """The similarity (n,) of the proxy nearest to each embedding of x (n, D), by the first scoring of a candidate.

    Of an inner product without a bias it is divided by the length of the embedding, in the space that NORMpost learns if it is
    fitted. Class scores (n, C), where they are known, save the products: with plain `max` the largest is that of the nearest proxy.
    `mapped` as in `queries_of`.
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
    of_classes = probabilities(class_scores, inverse_temperature)
    logarithms = np.log(np.maximum(of_classes, np.finfo(float).tiny))
    negative: np.ndarray = (of_classes * logarithms).sum(axis=1)
    return negative
