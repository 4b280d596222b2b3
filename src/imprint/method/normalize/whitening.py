"""NORMs that learn from the training embeddings of a task."""

from __future__ import annotations

import math
from typing import Self

import numpy as np

from imprint.method.class_sums import ClassSums
from imprint.method.normalize.registry import normalization
from imprint.method.ridge import leave_one_out, tells_penalties_apart
from imprint.method.sums import eigenpairs, rows_of_scatter, scatter_of_classes

FEW_SAMPLES = 2  # dimensions per sample above which a scatter costs more than its few rows
ROUNDING = 1e-7  # rounding error of a scatter of float32 products, relative to its trace
# Weight of the between-class scatter. With one sample per class this is the only scatter. Class means vary in similar
# directions as samples, so it gains up to three points there. With more samples, a larger weight costs accuracy
BETWEEN = 0.01
LEAVE_ONE_OUT, LEDOIT_WOLF, OAS = "leave_one_out", "ledoit_wolf", "oas"
SHRINKAGES = (LEAVE_ONE_OUT, LEDOIT_WOLF, OAS)


@normalization("center", fitted=True)
class Center:
    """Subtract the mean of the training embeddings.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        The mean, float32.

    Examples
    --------
    >>> Center().fit(np.array([[1.0], [3.0]]), np.array([0, 1])).transform(np.array([[2.5]]))
    array([[0.5]])
    """

    mean_: np.ndarray

    def fit(self, embeddings: np.ndarray, labels: np.ndarray) -> Self:
        """Learn the mean of embeddings (n, d)."""
        self.mean_ = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        return self

    def from_sums(self, sums: ClassSums) -> Center:
        """A `Center` with the mean of the samples of these sums."""
        center = Center()
        center.mean_ = sums.mean.astype(np.float32)
        return center

    def transform(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (n, d) minus the mean."""
        return embeddings - self.mean_

    @property
    def components_(self) -> np.ndarray:
        """The linear part of the map: the identity."""
        return np.eye(len(self.mean_), dtype=np.float32)


@normalization("whiten", fitted=True)
class Whiten:
    """Whiten embeddings by their within-class covariance, shrunk towards a multiple of the identity.

    Parameters
    ----------
    shrinkage : {"leave_one_out", "ledoit_wolf", "oas"} or float, default="leave_one_out"
        How far the covariance is shrunk. `leave_one_out` takes the penalty with the smallest leave-one-out error of a ridge
        regression of the labels, which suits the separation of classes, and adds a hundredth of the between-class scatter;
        `ledoit_wolf` and `oas` estimate the covariance of each class as scikit-learn's
        `LinearDiscriminantAnalysis(shrinkage="auto")` does and average them; a number from 0 (excluded) to 1 is the
        share of the identity.

    Attributes
    ----------
    components_ : ndarray of shape (n_features, n_features)
        T with T T^T the inverse of the shrunk covariance up to a factor, float32.
    penalty_ : float
        Penalty added to the diagonal of the scatter; NaN for `ledoit_wolf` and `oas`, infinite if nothing varies.
    samples_ : int
        Number of samples of the scatter.
    variance_ : float
        Variance of whitened embeddings within classes: of `leave_one_out` the penalty per sample of the first fit, so that class
        scores keep their scale as samples are added.
    sums : ClassSums or None
        Sums of the embeddings passed to `fit`, if whitening uses them.

    Notes
    -----
    Embeddings are not centred: with euclidean distance that changes nothing, and before `l2` centring loses accuracy. Costs
    O(n d^2 + d^3). If classes have one sample each, nothing varies within them: `leave_one_out` whitens by the
    between-class scatter alone; the others change nothing. If most classes have one sample, the penalty of `leave_one_out` is
    the mean eigenvalue of the scatter that it whitens by. With GEN `mean` and euclidean distance, the head is a linear
    discriminant analysis; with k-means, one with several centres per class. `leave_one_out` is between linear discriminant
    analysis (no between-class scatter) and ridge regression (all of it).

    References
    ----------
    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004. Chen et al.,
    "Shrinkage algorithms for MMSE covariance estimation", 2010.

    Examples
    --------
    >>> x = np.array([[0, 0], [0, 9], [1, 0], [1, 9]], np.float32)
    >>> Whiten(0.01).fit(x, np.array([0, 0, 1, 1])).transform(x).round(1)
    array([[0. , 0. ],
           [0. , 0.6],
           [1. , 0. ],
           [1. , 0.6]], dtype=float32)
    """

    components_: np.ndarray
    penalty_: float
    samples_: int = 0  # not known of heads that were saved without it
    variance_: float = math.nan
    sums: ClassSums | None = None

    def __init__(self, shrinkage: str | float = LEAVE_ONE_OUT) -> None:
        self.shrinkage = shrinkage if shrinkage in SHRINKAGES else _share(shrinkage)

    def fit(self, embeddings: np.ndarray, labels: np.ndarray) -> Self:
        """Learn the within-class covariance of embeddings (n, d) with labels (n,), 0..C-1."""
        x = embeddings.astype(np.float32, copy=False)
        if self.shrinkage in (LEDOIT_WOLF, OAS):
            self._learn(_mean_covariance(x, labels, str(self.shrinkage)), math.nan, len(x))
            return self
        sums = ClassSums.of(x, labels, int(labels.max()) + 1)
        total = self._scatter(sums)
        penalty = math.inf
        if self.shrinkage == LEAVE_ONE_OUT and np.trace(total) > 0:
            if tells_penalties_apart(sums.counts):
                penalty = leave_one_out(x, labels, sums=sums).penalty
            else:
                penalty = float(np.trace(total)) / min(x.shape)
        self._learn(total, penalty, len(x))
        self.sums = sums.bounded()
        return self

    def refit(self, embeddings: np.ndarray, labels: np.ndarray) -> Whiten:
        """A `Whiten` fitted to other embeddings, with the penalty per sample that leave-one-out chose here."""
        if self.shrinkage != LEAVE_ONE_OUT:
            return Whiten(self.shrinkage).fit(embeddings, labels)
        whiten, (n, d) = Whiten(self.shrinkage), embeddings.shape
        whiten.variance_ = self.variance_
        penalty = self.penalty_ * (n / self.samples_ if self.samples_ else 1)
        if FEW_SAMPLES * n < d and math.isfinite(penalty):
            whiten._learn_few(rows_of_scatter(embeddings, labels, BETWEEN), penalty, n)
        else:
            whiten._learn(scatter_of_classes(embeddings, labels, BETWEEN), penalty, n)
        return whiten

    @property
    def learns_from_sums(self) -> bool:
        """Whether `from_sums` is possible; `ledoit_wolf` and `oas` need the samples."""
        return self.shrinkage not in (LEDOIT_WOLF, OAS)

    def from_sums(self, sums: ClassSums) -> Whiten:
        """A `Whiten` for the samples of these sums, with the penalty that was chosen here; not for `ledoit_wolf` and `oas`.

        If nothing varied here, so that no penalty could be chosen, it is the mean eigenvalue of the scatter.
        """
        whiten, total, penalty = Whiten(self.shrinkage), self._scatter(sums), self.penalty_
        if self.shrinkage == LEAVE_ONE_OUT:
            if penalty < math.inf:
                whiten.variance_ = self.variance_
            elif np.trace(total) > 0:
                penalty = float(np.trace(total)) / min(sums.total, len(total))
        whiten._learn(total, penalty, sums.total)
        return whiten

    def transform(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (n, d) in the space where the shrunk within-class covariance is a multiple of the identity."""
        return embeddings.astype(np.float32, copy=False) @ self.components_

    def _scatter(self, sums: ClassSums) -> np.ndarray:
        """The scatter (d, d) to whiten by: within classes and, for `leave_one_out`, a part of that between classes."""
        if self.shrinkage != LEAVE_ONE_OUT:
            return sums.scatter_within()
        return sums.scatter_within() + BETWEEN * sums.scatter_between()

    def _learn_few(self, x: np.ndarray, penalty: float, samples: int) -> None:
        """Like `_learn` from the scatter of few rows x (n, d), using the directions in which they vary: O(n d^2).

        The result equals that of `_learn` up to a rotation.
        """
        values, vectors = eigenpairs(x)
        unit = self._unit(penalty, samples)
        added = max(ROUNDING * float(values.sum()), penalty)
        shrunk = 1 - np.sqrt(added / (values + added))
        self.components_ = (vectors * -shrunk.astype(np.float32)) @ vectors.T
        self.components_[np.diag_indices(x.shape[1])] += 1
        self.components_ *= np.float32(np.sqrt(unit / added))

    def _learn(self, total: np.ndarray, penalty: float, samples: int) -> None:
        """Whiten by `total` (d, d), a scatter of samples or, with a penalty that is NaN, an estimated covariance."""
        from scipy.linalg import cholesky
        from scipy.linalg.lapack import dtrtri

        d = len(total)
        mean = np.trace(total) / d
        if isinstance(self.shrinkage, float) and mean > 0:
            share = self.shrinkage
            penalty = share / (1 - share) * mean if share < 1 else math.inf
        unit = self._unit(penalty, samples, mean)
        if not mean > 0 or penalty == math.inf:
            self.components_ = np.eye(d, dtype=np.float32)
            return
        shrunk = total.copy()
        # without this much on its diagonal, rounding errors can make the matrix indefinite
        least = 1e-9 * mean if math.isnan(penalty) else ROUNDING * d * mean
        shrunk[np.diag_indices(d)] += max(least, 0 if math.isnan(penalty) else penalty)
        factor = cholesky(shrunk, lower=True, overwrite_a=True)
        inverse, _ = dtrtri(factor, lower=1, overwrite_c=1)
        self.components_ = (np.sqrt(unit) * inverse.T).astype(np.float32)

    def _unit(self, penalty: float, samples: int, mean: float = math.nan) -> float:
        """The multiple of the identity that whitened samples have as their scatter, near the penalty or else the mean eigenvalue.

        It is that of the first fit per sample, and keeps numbers near one.
        """
        self.penalty_, self.samples_ = penalty, samples
        if math.isnan(self.variance_):
            unit = mean if math.isnan(penalty) else penalty
            self.variance_ = float(unit / samples)
            return unit
        return self.variance_ * samples


def _share(shrinkage: object) -> float:
    try:
        share = float(str(shrinkage))
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise ValueError(
            f"shrinkage {shrinkage} is not {LEDOIT_WOLF}, {OAS} or a number above 0 and at most 1; without it, leave-one-out "
            "chooses"
        )
    return share


def _mean_covariance(x: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
    """The mean (d, d) over classes of their shrunk covariances, estimated on standardised features."""
    from sklearn import covariance

    kinds = {LEDOIT_WOLF: covariance.LedoitWolf, OAS: covariance.OAS}
    # the function `oas` also inverts, which takes most of its time
    shrunk = kinds[estimator](store_precision=False)
    classes, d = int(labels.max()) + 1, x.shape[1]
    total = np.zeros((d, d))
    for label in range(classes):
        rows = x[labels == label].astype(np.float64)
        if len(rows) < 2:
            continue  # one sample has no variance
        scale = rows.std(axis=0)
        scale[scale == 0] = 1  # a constant feature
        standardised = (rows - rows.mean(axis=0)) / scale
        total += scale[:, None] * shrunk.fit(standardised).covariance_ * scale
    return total / classes
