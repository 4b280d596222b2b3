"""NORM: how embeddings and proxies are normalised before generation, after it, and at inference.

`none` and `l2` may stand in all three places; `quantile` only after generation, since it maps the values of one
proxy to those of a reference distribution that the other proxies (or the FM's own head) provide.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from imprint.errors import UserError

NORM_PRE = ("none", "l2")
NORM_INF = ("none", "l2")


def l2(x: np.ndarray) -> np.ndarray:
    """Rows of x (n, d) divided by their euclidean length; a zero row stays zero. Of whole numbers and float16 in float32."""
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return (x / np.where(length > 0, length, 1)).astype(x.dtype, copy=False)


def apply(norm: str, x: np.ndarray) -> np.ndarray:
    """NORMpre or NORMinf of embeddings x (n, d): `none` or `l2`."""
    return l2(x) if norm == "l2" else x


# what the quantiles of each are taken of, as score files record it
QUANTILE_REFERENCES = {
    "quantile": "proxies of the classes before, after their own mapping, in class order; the first class stays",
    "quantile_pooled": "all proxies of the task",
    "quantile_fm": "weights of the FM's own classifier",
}

PostNorm = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
NORM_POST: dict[str, PostNorm] = {}


def norm_post(name: str) -> Callable[[PostNorm], PostNorm]:
    """Register a NORMpost: a function of proxies (p, d), their labels (p,), ascending, and `head`; returns (p, d).

    head: (c, d) the weights of the FM's own classifier where they are known, else None.
    """

    def register(function: PostNorm) -> PostNorm:
        NORM_POST[name] = function
        return function

    return register


@norm_post("none")
def _none(proxies: np.ndarray, labels: np.ndarray, head: np.ndarray | None = None) -> np.ndarray:
    return proxies


@norm_post("l2")
def _l2(proxies: np.ndarray, labels: np.ndarray, head: np.ndarray | None = None) -> np.ndarray:
    return l2(proxies)


def to_quantiles(proxies: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Each row of proxies (p, d) gets the d quantiles (i + 0.5) / d of `reference`, rank by rank.

    Ranks stay as they were; values that tie keep their order of position.
    """
    d = proxies.shape[1]
    values = np.quantile(reference, (np.arange(d) + 0.5) / d).astype(proxies.dtype)
    out = np.empty_like(proxies)
    np.put_along_axis(out, np.argsort(proxies, axis=1, kind="stable"), values[None, :], axis=1)
    return out


@norm_post("quantile")
def quantile(proxies: np.ndarray, labels: np.ndarray, head: np.ndarray | None = None) -> np.ndarray:
    """Quantile normalisation against the classes imprinted before, in class order (after Hosoda et al. 2024).

    The first class stays as it is; each later one is mapped to the values of all classes before it, as they
    stand after their own mapping. So the result depends on the order of the classes.
    """
    out = proxies.copy()
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    for start, end in pairwise([*starts[1:], len(labels)]):
        out[start:end] = to_quantiles(proxies[start:end], out[:start])
    return out


@norm_post("quantile_pooled")
def quantile_pooled(proxies: np.ndarray, labels: np.ndarray, head: np.ndarray | None = None) -> np.ndarray:
    """Quantile normalisation against the values of all proxies together: free of the order of the classes."""
    return to_quantiles(proxies, proxies)


@norm_post("quantile_fm")
def quantile_fm(proxies: np.ndarray, labels: np.ndarray, head: np.ndarray | None = None) -> np.ndarray:
    """Quantile normalisation against the weights of the FM's own classifier, as Hosoda et al. 2024 define it."""
    if head is None:
        raise UserError(
            "NORMpost quantile_fm needs the weights of the FM's own classifier, and this FM has none; "
            "use quantile_pooled, whose reference are the proxies themselves"
        )
    return to_quantiles(proxies, head)
