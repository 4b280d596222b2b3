"""NORMs of proxies that map their values, rank by rank, to the quantiles of a reference distribution."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from imprint.errors import UserError
from imprint.method.normalize.registry import proxy_normalization


def to_quantiles(proxies: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Each row of proxies (p, d) gets the d quantiles (i + 0.5) / d of `reference`, rank by rank.

    Ranks stay as they were; equal values keep the order of their positions.
    """
    d = proxies.shape[1]
    values = np.quantile(reference, (np.arange(d) + 0.5) / d).astype(proxies.dtype)
    out = np.empty_like(proxies)
    np.put_along_axis(out, np.argsort(proxies, axis=1, kind="stable"), values[None, :], axis=1)
    return out


def _after_classes(before: np.ndarray, proxies: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Proxies (q, d) of new classes, each class mapped to the values of all before it."""
    out = np.concatenate([before, proxies])
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]]) + len(before)
    for start, end in pairwise([*starts, len(out)]):
        out[start:end] = to_quantiles(out[start:end], out[:start])
    return out[len(before) :]


@proxy_normalization(
    "quantile",
    reference="proxies of the classes before, after their own mapping, in class order; "
    "the first class stays",
    appends=_after_classes,
)
def quantile(
    proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Quantile normalisation against the classes imprinted before, in class order.

    The first class stays as it is; each later one is mapped to the values of all classes before it, after
    their own mapping. So the result depends on the order of the classes. After Hosoda et al. 2024.
    """
    first = int(np.searchsorted(labels, labels[0], side="right"))
    rest = _after_classes(proxies[:first], proxies[first:], labels[first:])
    return np.concatenate([proxies[:first], rest])


@proxy_normalization("quantile_pooled", reference="all proxies of the task")
def quantile_pooled(
    proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Quantile normalisation against the values of all proxies: class order does not matter."""
    return to_quantiles(proxies, proxies)


@proxy_normalization(
    "quantile_fm", reference="weights of the FM's own classifier", needs_fm_classifier=True
)
def quantile_fm(
    proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """Quantile normalisation against the weights of the FM's own classifier (Hosoda et al. 2024)."""
    if fm_classifier is None:
        raise UserError(
            "NORMpost quantile_fm needs the weights of the FM's own classifier, and this FM has none; "
            "use quantile_pooled, whose reference are the proxies themselves"
        )
    return to_quantiles(proxies, fm_classifier)
