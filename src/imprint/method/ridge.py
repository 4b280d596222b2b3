"""Ridge regression of one-hot labels, with the penalty chosen by leave-one-out errors in closed form.

One eigendecomposition of the scatter of the training embeddings serves every penalty: with eigenvalues s, eigenvectors
V and coordinates Z = X V, the leverage of sample i under penalty p is h_i = sum_j Z_ij^2 / (s_j + p), and its
leave-one-out residual is r_i / (1 - h_i), with r_i its residual in the fit of all samples (Allen 1974).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imprint.errors import UserError
from imprint.method.class_sums import ClassSums
from imprint.method.sums import blocks, eigenpairs

# penalties to try, as multiples of the mean eigenvalue of the scatter
PENALTIES = np.geomspace(1e-4, 1e2, 19)
LEAST_COMPLEMENT = 1e-6  # of 1 - h; smaller values are rounding errors
MOST_SAMPLES = 10_000  # largest number of samples whose errors are computed; all samples are fitted


@dataclass(frozen=True)
class Ridge:
    """A ridge regression of one-hot labels.

    Attributes
    ----------
    penalty : float
        The chosen penalty.
    weights : ndarray of shape (C, d)
        Rows of weights, float32.
    bias : ndarray of shape (C,) or None
        Intercepts, float32.
    """

    penalty: float
    weights: np.ndarray
    bias: np.ndarray | None


def leave_one_out(
    x: np.ndarray,
    y: np.ndarray,
    *,
    balanced: bool = False,
    intercept: bool = True,
    sums: ClassSums | None = None,
) -> Ridge:
    """Regress one-hot labels on embeddings with the penalty whose leave-one-out errors have the smallest sum of squares.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Embeddings, float32.
    y : ndarray of shape (n,)
        Labels 0..C-1, each at least once.
    balanced : bool, default=False
        Whether all classes have the same weight, regardless of their numbers of samples.
    intercept : bool, default=True
        Whether each class has an intercept.
    sums : ClassSums, optional
        The sums of these samples, if known; for `balanced`, with a scatter for each class.

    Returns
    -------
    Ridge
        The regression of all samples.

    Notes
    -----
    Costs O(n d min(n, d)) for the eigenpairs and O(n d min(C, d)) for each penalty. The errors of samples that
    are alone in their class do not count, as nothing else is known of the class. If most classes have one sample, the
    penalty is the mean eigenvalue.

    References
    ----------
    Allen, "The relationship between variable selection and data augmentation and a method for prediction", 1974.

    Examples
    --------
    >>> x = np.array([[0, 0], [0, 1], [4, 4], [5, 4]], np.float32)
    >>> ridge = leave_one_out(x, np.array([0, 0, 1, 1]))
    >>> (x @ ridge.weights.T + ridge.bias).argmax(axis=1)
    array([0, 0, 1, 1])
    """
    n, d = x.shape
    classes = int(y.max()) + 1
    sums = sums or ClassSums.of(x, y, classes)
    if balanced and not sums.by_class:
        raise UserError(
            f"a balanced ridge regression keeps a scatter for each class, and {classes:,} classes of {d} features are too many; "
            "use ridge, which gives all samples the same weight"
        )
    counts = sums.counts
    class_weights = n / classes / counts if balanced else np.ones(classes)  # weights of samples
    # without an intercept, sums are about the origin
    mean = class_weights @ (counts[:, None] * sums.means) / n if intercept else np.zeros(d)
    target_means = class_weights * counts / n if intercept else np.zeros(classes)
    if n < d:
        # in float64: samples are fitted nearly exactly, so that in float32 their errors would be mostly rounding
        rows = np.sqrt(class_weights[y])[:, None] * (x - mean)
    else:
        rows = sums.root_about(mean, class_weights if balanced else None)
    values, vectors = eigenpairs(rows)
    if not len(values):  # all samples are equal
        bias = target_means.astype(np.float32) if intercept else None
        return Ridge(1.0, np.zeros((classes, d), np.float32), bias)
    # sums over samples of weight (target - target_means) (x - mean)^T
    moments = (class_weights * counts)[:, None] * (sums.means - mean)
    coordinates = vectors.T.astype(np.float64) @ moments.T  # (r, C)
    penalty = float(values.sum() / min(n, d))
    if tells_penalties_apart(counts):
        penalties = PENALTIES * penalty
        inverse = 1 / (values[:, None] + penalties)  # (r, penalties)
        # With fewer samples than features, a regression without penalty has almost no errors. So errors of the others are
        # computed as differences from it, whose digits float32 can hold
        exact = 1 / values if n < d else np.zeros(len(values))
        errors = np.zeros(len(penalties))
        chosen = np.argsort(y, kind="stable")[:: max(1, -(-n // MOST_SAMPLES))]
        for block in blocks(len(chosen), d):
            batch = chosen[block]
            sample_weights = class_weights[y[batch]]
            z = (x[batch] - mean.astype(vectors.dtype)) @ vectors
            rest = 1 - sample_weights * (z**2 @ exact + (1 / n if intercept else 0))
            change = (inverse - exact[:, None]).astype(np.float32)
            leverages = sample_weights[:, None] * (z.astype(np.float32) ** 2 @ change)
            complements = np.maximum(rest[:, None] - leverages, LEAST_COMPLEMENT)
            all_squares = _squares(z, y[batch], coordinates, inverse, exact, target_means)
            counted = sample_weights * (counts[y[batch]] > 1)
            for i, squares in enumerate(all_squares):
                errors[i] += counted @ (squares / complements[:, i] ** 2)
        penalty = float(penalties[errors.argmin()])
    weights = _weights(coordinates, values, vectors, penalty)
    if not intercept:
        return Ridge(penalty, weights, None)
    return Ridge(penalty, weights, (target_means - weights @ mean).astype(np.float32))


def _squares(
    z: np.ndarray,
    y: np.ndarray,
    coordinates: np.ndarray,
    inverse: np.ndarray,
    exact: np.ndarray,
    target_means: np.ndarray,
) -> Iterator[np.ndarray]:
    """Squared residuals (n,) of samples z (n, r) in eigenvector coordinates, summed over classes, for each penalty.

    coordinates: (r, C) moments. inverse: (r, penalties). exact: (r,) the inverse of no penalty, or zeros. target_means: (C,)
    means of the one-hot labels y (n,).
    """
    r, classes = coordinates.shape
    if classes <= r:
        targets = (y[:, None] == np.arange(classes)) - target_means.astype(z.dtype)
        if exact.any():
            targets -= z @ (exact[:, None] * coordinates)
        targets, short = targets.astype(np.float32), z.astype(np.float32)
        # several penalties in one product: separate products would each read all of z for a few columns
        together = r // classes
        for first in range(0, inverse.shape[1], together):
            scales = inverse[:, first : first + together] - exact[:, None]
            maps = (scales[:, :, None] * coordinates[:, None]).astype(np.float32).reshape(r, -1)
            residuals = (short @ maps).reshape(len(z), -1, classes)
            residuals -= targets[:, None]
            yield from np.einsum("npc,npc->pn", residuals, residuals)
        return
    # with very many classes r x r products are smaller: |t - p|^2 = |t|^2 - 2 t p + |p|^2
    lengths = 1 - 2 * target_means[y] + target_means @ target_means
    gram = (coordinates @ coordinates.T).astype(z.dtype)
    # (n, r) moments of t
    target_moments = (coordinates[:, y].T - coordinates @ target_means).astype(z.dtype)
    for scale in inverse.T.astype(z.dtype):
        scaled = z * scale
        dots = np.einsum("nr,nr->n", scaled, target_moments)
        yield lengths - 2 * dots + np.einsum("nr,nr->n", scaled @ gram, scaled)


def tells_penalties_apart(counts: np.ndarray) -> bool:
    """Whether there are several classes, and at least half of them have two samples or more, by their `counts` (C,).

    A class of one sample has no leave-one-out error, and with one class alone every penalty predicts it without error.
    """
    return bool(len(counts) > 1 and 2 * np.count_nonzero(counts > 1) >= len(counts))


def from_sums(sums: ClassSums, penalty: float) -> Ridge:
    """The regression of `leave_one_out` with a given penalty, from the sums of its samples."""
    values, vectors = eigenpairs(sums.root_about(sums.mean))
    share = sums.counts / sums.total
    # sum over samples of (target - its mean) (x - mean)^T
    moments = sums.counts[:, None] * (sums.means - sums.mean)
    coordinates = vectors.T.astype(np.float64) @ moments.T
    weights = _weights(coordinates, values, vectors, penalty)
    return Ridge(penalty, weights, (share - weights @ sums.mean).astype(np.float32))


def _weights(
    coordinates: np.ndarray, values: np.ndarray, vectors: np.ndarray, penalty: float
) -> np.ndarray:
    """(C, d) weights, float32, from moments in the coordinates (r, C) of the eigenvectors (d, r)."""
    weights: np.ndarray = (coordinates / (values + penalty)[:, None]).T @ vectors.T
    return weights.astype(np.float32)
