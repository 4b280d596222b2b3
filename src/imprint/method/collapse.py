"""Neural collapse of a set of embeddings: NC1 and the variability collapse index (VCI)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.method.large_arrays import by_rows
from imprint.method.normalize import l2

BLOCK_VALUES = 2**23  # values of samples converted to float64 at a time
# Eigenvalues of a covariance below this share of the largest count as zero. Embeddings are float32, whose rounding errors have
# variances of about 1e-14 of the largest variance
SMALLEST = 1e-11


@dataclass(frozen=True)
class Collapse:
    """How far the samples of each class are collapsed to the class mean; undefined values are NaN.

    Attributes
    ----------
    classes, samples : int
        Number of classes that have samples, and number of samples.
    nc1 : float
        tr(Sigma_W pinv(Sigma_B)) / C; 0 is full collapse (Papyan et al. 2020).
    nc1_released : float
        NC1 with samples centred as in the authors' released program, which adds mu_G mu_G^T to
        Sigma_W.
    vci : float
        1 - tr(pinv(Sigma_T) Sigma_B) / rank(Sigma_B), the variability collapse index (Xu and Liu 2023).
    trace_w, trace_b : float
        Traces of Sigma_W and Sigma_B.
    rank_w, rank_b : int
        Their numerical ranks.
    """

    classes: int
    samples: int
    nc1: float
    nc1_released: float
    vci: float
    trace_w: float
    trace_b: float
    rank_w: int
    rank_b: int


def collapse(x: np.ndarray, y: np.ndarray, classes: int) -> Collapse:
    """Measure the neural collapse of embeddings.

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Embeddings; they are l2-normalised by the function.
    y : ndarray of shape (n,)
        Labels in [0, classes). Classes without samples are ignored; without any sample, all but the counts is undefined.
    classes : int
        Number of classes.

    Returns
    -------
    Collapse
        NC1, VCI, traces and ranks.

    Notes
    -----
    Sigma_W is the mean over classes of the within-class covariance, Sigma_B the covariance of the class means; each
    class counts once. Sigma_B has rank < C, so NC1 needs Sigma_W on its eigenvectors only; VCI and the rank of Sigma_W
    need D x D matrices: O(n D^2 + D^3).

    References
    ----------
    Papyan, Han and Donoho, "Prevalence of neural collapse during the terminal phase of deep learning
    training", 2020. Xu and Liu, "Quantifying the variability collapse of neural networks", 2023.

    Examples
    --------
    >>> x = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    >>> collapse(x, np.array([0, 0, 1, 1]), 2).nc1
    0.0
    """
    undefined = float("nan")
    if not len(x):
        return Collapse(0, 0, *(undefined,) * 5, 0, 0)
    x = by_rows(l2, x)
    counts = np.bincount(y, minlength=classes)
    present = np.flatnonzero(counts)
    c, d = len(present), x.shape[1]
    order = np.argsort(y, kind="stable")
    groups = np.split(order, np.cumsum(counts[present])[:-1])
    means = np.stack([x[rows].mean(axis=0, dtype=np.float64) for rows in groups])
    between = means - means.mean(axis=0)

    # Sigma_W in float64: VCI depends on its smallest eigenvalues, which are lost in float32 products
    within = np.zeros((d, d))
    for mean, rows in zip(means, groups, strict=True):
        for block in np.array_split(rows, len(rows) * d // BLOCK_VALUES + 1):
            centred = x[block] - mean
            within += centred.T @ centred / (len(rows) * c)
    _, singular, directions = np.linalg.svd(between / np.sqrt(c), full_matrices=False)
    nonzero = singular > singular.max(initial=0) * max(between.shape) * np.finfo(np.float32).eps
    if not nonzero.any():
        trace, rank = float(np.trace(within)), _rank(within)
        return Collapse(c, len(x), undefined, undefined, undefined, trace, 0.0, rank, 0)
    variances, directions = singular[nonzero] ** 2, directions[nonzero]
    nc1 = np.einsum("rd,de,re->r", directions, within, directions) / variances
    # the released program's extra term, on the same eigenvectors
    extra = (directions @ means.mean(axis=0)) ** 2 / variances
    total = within + (directions.T * variances) @ directions
    inverse = np.linalg.pinv(total, rcond=SMALLEST, hermitian=True)
    explained = np.einsum("rd,de,re->r", directions, inverse, directions) * variances
    return Collapse(
        classes=c,
        samples=len(x),
        nc1=float(nc1.sum() / c),
        nc1_released=float((nc1 + extra).sum() / c),
        vci=max(0.0, float(1 - explained.sum() / nonzero.sum())),  # rounding may leave it below 0
        trace_w=float(np.trace(within)),
        trace_b=float(variances.sum()),
        rank_w=_rank(within),
        rank_b=int(nonzero.sum()),
    )


def _rank(covariance: np.ndarray) -> int:
    """The number of eigenvalues of a covariance (D, D) that count."""
    values = np.linalg.eigvalsh(covariance)
    return int((values > values.max(initial=0) * SMALLEST).sum())
