"""Ridge regression of one-hot labels with the penalty that leave-one-out errors choose, in closed form.

One eigendecomposition of the scatter of the training embeddings serves every penalty: with eigenvalues s, eigenvectors
V and coordinates Z = X V, the leverage of sample i under penalty p is h_i = sum_j Z_ij^2 / (s_j + p), and its residual
when it is left out is its residual r_i / (1 - h_i) (Allen 1974).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imprint.errors import UserError
from imprint.method.class_sums import ClassSums
from imprint.method.sums import blocks, eigenpairs

# penalties tried, in mean eigenvalues of the scatter
PENALTIES = np.geomspace(1e-4, 1e2, 19)
SAMPLES = 10_000  # whose errors are taken at most; all samples are fitted


@dataclass(frozen=True)
class Ridge:
    """A ridge regression of one-hot labels.

    Attributes
    ----------
    penalty : float
        The penalty chosen.
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
    """Regress one-hot labels on embeddings with the penalty whose leave-one-out errors have the least sum of squares.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Embeddings, float32.
    y : ndarray of shape (n,)
        Labels 0..C-1, each at least once.
    balanced : bool, default=False
        Whether classes count the same, however many samples they have.
    intercept : bool, default=True
        Whether each class has an intercept.
    sums : ClassSums, optional
        Of these samples, where they are known; each class with its own scatter.

    Returns
    -------
    Ridge
        The regression of all samples.

    Notes
    -----
    Costs O(n d min(n, d)) for the eigenpairs and O(n d min(C, d)) for each penalty. In classes of one sample nothing can be
    left out that others would tell, but the errors are defined.

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
            f"a ridge regression in which classes count the same keeps a scatter of each, and {classes:,} of {d} features are "
            "too many; use ridge, in which samples do"
        )
    counts = sums.counts
    of_class = n / classes / counts if balanced else np.ones(classes)  # what a sample counts
    # sums without an intercept are about the origin
    mean = of_class @ (counts[:, None] * sums.means) / n if intercept else np.zeros(d)
    middle = of_class * counts / n if intercept else np.zeros(classes)
    values, vectors = eigenpairs(sums.scatter_about(mean, of_class if balanced else None))
    if not len(values):  # all samples alike
        bias = middle.astype(np.float32) if intercept else None
        return Ridge(1.0, np.zeros((classes, d), np.float32), bias)
    # sums over samples of share (target - middle) (x - mean)^T
    moments = (of_class * counts)[:, None] * (sums.means - mean)
    coordinates = vectors.T.astype(np.float64) @ moments.T  # (r, C)
    penalties = PENALTIES * values.sum() / min(n, d)
    inverse = 1 / (values[:, None] + penalties)  # (r, penalties)
    chosen = np.argsort(y, kind="stable")[:: max(1, -(-n // SAMPLES))]
    errors = np.zeros(len(penalties))
    for rows in blocks(len(chosen), d):
        some = chosen[rows]
        share = of_class[y[some]]
        z = (x[some] - mean.astype(np.float32)) @ vectors
        leverages = share[:, None] * ((z**2) @ inverse.astype(np.float32))
        if intercept:
            leverages += share[:, None] / n
        kept = np.maximum(1 - leverages, 1e-6)
        for i, squares in enumerate(_squares(z, y[some], coordinates, inverse, middle)):
            errors[i] += share @ (squares / kept[:, i] ** 2)
    penalty = float(penalties[errors.argmin()])
    weights = _weights(coordinates, values, vectors, penalty)
    if not intercept:
        return Ridge(penalty, weights, None)
    return Ridge(penalty, weights, (middle - weights @ mean).astype(np.float32))


def _squares(
    z: np.ndarray, y: np.ndarray, coordinates: np.ndarray, inverse: np.ndarray, middle: np.ndarray
) -> Iterator[np.ndarray]:
    """Sums of squared residuals (n,) of samples z (n, r) in the coordinates of the eigenvectors, for each penalty.

    coordinates: (r, C) moments. inverse: (r, penalties). middle: (C,) means of the one-hot labels y (n,).
    """
    r, classes = coordinates.shape
    if classes <= r:
        targets = (y[:, None] == np.arange(classes)) - middle.astype(np.float32)
        # several penalties in one product: alone, each reads all of z for a few columns
        together = r // classes
        for first in range(0, inverse.shape[1], together):
            scales = inverse[:, first : first + together]
            maps = (scales[:, :, None] * coordinates[:, None]).astype(np.float32).reshape(r, -1)
            residuals = (z @ maps).reshape(len(z), -1, classes)
            residuals -= targets[:, None]
            yield from np.einsum("npc,npc->pn", residuals, residuals)
        return
    # with very many classes the products of r by r are smaller: |t - p|^2 = |t|^2 - 2 t p + |p|^2
    lengths = 1 - 2 * middle[y] + middle @ middle
    among = (coordinates @ coordinates.T).astype(np.float32)
    towards = (coordinates[:, y].T - coordinates @ middle).astype(np.float32)  # (n, r) moments of t
    for scale in inverse.T.astype(np.float32):
        scaled = z * scale
        of_targets = np.einsum("nr,nr->n", scaled, towards)
        yield lengths - 2 * of_targets + np.einsum("nr,nr->n", scaled @ among, scaled)


def from_sums(sums: ClassSums, penalty: float) -> Ridge:
    """The regression of `leave_one_out` at a given penalty, from the sums of its samples."""
    values, vectors = eigenpairs(sums.scatter_about(sums.mean))
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
