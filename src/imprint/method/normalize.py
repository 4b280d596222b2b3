"""NORM: how embeddings and proxies are normalised before generation, after it, and at inference.

A NORM of rows is a function of embeddings (n, d) that treats each row alone; it may stand in all three
places. A NORM of proxies sees all proxies of a task and stands after generation only, as `quantile` does,
which maps the values of a proxy to those of a reference distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import IDENTITY, UNIT_LENGTH
from imprint.registry import Registry

OfRows = Callable[[np.ndarray], np.ndarray]
OfProxies = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class Normalization:
    """A registered NORM.

    Attributes
    ----------
    name : str
        Its name in configurations, paths and columns.
    rows : callable or None
        The function of a NORM of rows, (n, d) to (n, d).
    proxies : callable or None
        The function of a NORM of proxies: proxies (p, d), their labels (p,), ascending, and the
        weights (c, d) of the FM's own classifier or None, to (p, d).
    scale : callable or None
        For a NORM of rows that only scales them: embeddings (n, d) to their factors (n,) or to
        None where nothing changes. Such NORMs share one matrix product in the engine.
    appends : callable or None
        For a NORM of proxies that can go on where classes are added: proxies after NORM (p, d),
        the new ones before it (q, d) and their labels (q,), to the new ones after it (q, d).
    reference : str or None
        What the quantiles are taken of, as score files record it.
    needs_fm_classifier : bool
        Whether it needs the weights of the FM's own classifier.
    file : str or None
        The user's file that registered it.
    """

    name: str
    rows: OfRows | None = None
    proxies: OfProxies | None = None
    scale: Callable[[np.ndarray], np.ndarray | None] | None = None
    appends: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None
    reference: str | None = None
    needs_fm_classifier: bool = False
    file: str | None = None

    @property
    def of_rows(self) -> bool:
        """Whether it may stand before generation and at inference too."""
        return self.rows is not None

    @property
    def function(self) -> Callable[..., np.ndarray]:
        """The registered function, of rows or of proxies."""
        function = self.rows or self.proxies
        assert function is not None
        return function


NORMS: Registry[Normalization] = Registry("NORM")


def normalization(name: str) -> Callable[[OfRows], OfRows]:
    """Register a function of rows (n, d) as the NORM `name`, for all three places.

    Examples
    --------
    >>> @normalization("sign")
    ... def sign(x):
    ...     return np.sign(x)
    >>> apply("sign", np.array([[-2.0, 0.5]]))
    array([[-1.,  1.]])
    >>> NORMS.remove("sign")
    """

    def register(function: OfRows) -> OfRows:
        NORMS.add(name, Normalization(name, rows=function))
        return function

    return register


def proxy_normalization(
    name: str,
    *,
    reference: str | None = None,
    needs_fm_classifier: bool = False,
    appends: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Callable[[OfProxies], OfProxies]:
    """Register a function of all proxies as the NORM `name`, see `Normalization.proxies`."""

    def register(function: OfProxies) -> OfProxies:
        entry = Normalization(
            name,
            proxies=function,
            appends=appends,
            reference=reference,
            needs_fm_classifier=needs_fm_classifier,
        )
        NORMS.add(name, entry)
        return function

    return register


def apply(norm: str, x: np.ndarray) -> np.ndarray:
    """NORMpre or NORMinf of embeddings (n, d), which is a NORM of rows."""
    entry = NORMS.find(norm)
    if entry.rows is None:
        raise UserError(
            f"NORM '{norm}' stands after generation only; before it and at inference: "
            f"{', '.join(NORMS.names(of_rows=True))}"
        )
    return entry.rows(x)


def apply_to_proxies(
    norm: str, proxies: np.ndarray, labels: np.ndarray, fm_classifier: np.ndarray | None = None
) -> np.ndarray:
    """NORMpost of proxies (p, d) with labels (p,), ascending."""
    entry = NORMS.find(norm)
    if entry.rows is not None:
        return entry.rows(proxies)
    assert entry.proxies is not None
    return entry.proxies(proxies, labels, fm_classifier)


def lengths(x: np.ndarray) -> np.ndarray:
    """(n,) euclidean lengths of rows (n, d), 1 for a zero row: it has no direction to keep."""
    length = np.linalg.norm(x, axis=1)
    return np.where(length > 0, length, 1)


def l2(x: np.ndarray) -> np.ndarray:
    """Rows (n, d) divided by their euclidean length; a zero row stays zero.

    Integers and float16 are converted to float32.
    """
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return (x / np.where(length > 0, length, 1)).astype(x.dtype, copy=False)


NORMS.add(IDENTITY, Normalization(IDENTITY, rows=lambda x: x, scale=lambda x: None))
NORMS.add(UNIT_LENGTH, Normalization(UNIT_LENGTH, rows=l2, scale=lambda x: 1 / lengths(x)))


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
