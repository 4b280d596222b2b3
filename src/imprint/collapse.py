"""Neural collapse of a set of embeddings: NC1 and the variability collapse index (VCI)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.normalize import l2


@dataclass(frozen=True)
class Collapse:
    """How far the classes of a task are collapsed to their means.

    nc1 = tr(Sigma_W pinv(Sigma_B)) / C (Papyan et al. 2020); 0 is full collapse. nc1_released centres the samples
    as the authors' released program does, which adds mu_G mu_G^T to Sigma_W. vci (Xu and Liu 2023) = 1 -
    tr(pinv(Sigma_T) Sigma_B) / rank(Sigma_B). trace_* and rank_*: of Sigma_W and Sigma_B. undefined values are NaN.
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
    """NC1 and VCI of embeddings x (n, D) with labels y (n,) in [0, classes), l2-normalised here.

    Sigma_W is the mean over classes of the within-class covariance, Sigma_B that of the class means, each class
    counting once. Sigma_B has rank < C, so Sigma_W is needed on its eigenvectors only: O(n D C); VCI needs the one
    D x D matrix Sigma_T. Classes without samples are left out.
    """
    x = l2(x)
    counts = np.bincount(y, minlength=classes)
    present = np.flatnonzero(counts)
    c, d = len(present), x.shape[1]
    order = np.argsort(y, kind="stable")
    groups = np.split(order, np.cumsum(counts[present])[:-1])
    means = np.stack([x[rows].mean(axis=0, dtype=np.float64) for rows in groups])
    between = means - means.mean(axis=0)

    # sum of x x^T with each class counting once, in float32 products of blocks centred on their class
    within = np.zeros((d, d))
    for mean, rows in zip(means, groups, strict=True):
        centred = (x[rows] - mean.astype(np.float32)).astype(np.float32)
        within += (centred.T @ centred).astype(np.float64) / (len(rows) * c)
    _, singular, directions = np.linalg.svd(between / np.sqrt(c), full_matrices=False)
    kept = singular > singular.max(initial=0) * max(between.shape) * np.finfo(np.float32).eps
    if not kept.any():
        return Collapse(c, len(x), *(np.nan,) * 3, float(np.trace(within)), 0.0, _rank(within), 0)
    variances, directions = singular[kept] ** 2, directions[kept]
    nc1 = np.einsum("rd,de,re->r", directions, within, directions) / variances
    # the released program's extra term, on the same eigenvectors
    extra = (directions @ means.mean(axis=0)) ** 2 / variances
    total = within + (directions.T * variances) @ directions
    inverse = np.linalg.pinv(total, rcond=d * np.finfo(np.float32).eps, hermitian=True)
    explained = np.einsum("rd,de,re->r", directions, inverse, directions) * variances
    return Collapse(
        classes=c,
        samples=len(x),
        nc1=float(nc1.sum() / c),
        nc1_released=float((nc1 + extra).sum() / c),
        vci=float(1 - explained.sum() / kept.sum()),
        trace_w=float(np.trace(within)),
        trace_b=float(variances.sum()),
        rank_w=_rank(within),
        rank_b=int(kept.sum()),
    )


def _rank(covariance: np.ndarray) -> int:
    """Numerical rank of a covariance that was summed up in float32."""
    values = np.linalg.eigvalsh(covariance)
    return int((values > values.max(initial=0) * len(values) * np.finfo(np.float32).eps).sum())
