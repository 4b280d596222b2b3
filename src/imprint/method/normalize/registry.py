"""The registry of NORMs.

There are three kinds. A NORM of rows is a function of embeddings (n, d) that maps each row independently. A fitted NORM
learns from the training embeddings of a task and then maps each row independently. Both are allowed in all three places.
A NORM of proxies sees all proxies of a task and is allowed after generation only; `quantile` is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from imprint.errors import UserError
from imprint.registry import Component, Registry

OfRows = Callable[[np.ndarray], np.ndarray]
OfProxies = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


class FittedNorm(Protocol):
    """The interface of a fitted NORM, which is that of scikit-learn's transformers.

    Arrays that `fit` learns are attributes whose names end in an underscore; they are saved with a head. A NORM with
    `components_` (d, q) and, if it moves the origin, `mean_` (d,) is linear, (x - mean_) @ components_, and is folded
    into the proxies where that saves time.
    """

    def fit(self, embeddings: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from training embeddings (n, d) with labels (n,), 0..C-1."""

    def transform(self, embeddings: np.ndarray) -> np.ndarray:
        """Map embeddings (n, d) to n rows, float32."""


@dataclass(frozen=True)
class Normalization(Component):
    """A registered NORM; see also `Component`.

    Attributes
    ----------
    rows : callable or None
        The function of a NORM of rows, (n, d) to (n, d).
    fitted : callable or None
        Creates a `FittedNorm`, without arguments or, if it takes one, from the text in brackets after the name.
    proxies : callable or None
        The function of a NORM of proxies. Takes proxies (p, d), their labels (p,), ascending, and the
        weights (c, d) of the FM's own classifier or None; returns (p, d).
    scale : callable or None
        For a NORM of rows that only scales them: takes embeddings (n, d), returns their factors (n,), or
        None if nothing changes. Such NORMs share one matrix product in the engine.
    appends : callable or None
        For a NORM of proxies that can continue when classes are added: takes normalised proxies (p, d),
        new proxies (q, d) and their labels (q,); returns the new proxies normalised (q, d).
    reference : str or None
        The reference of its quantiles, as recorded in score files.
    needs_fm_classifier : bool
        Whether it needs the weights of the FM's own classifier.
    """

    rows: OfRows | None = None
    fitted: Callable[..., FittedNorm] | None = None
    proxies: OfProxies | None = None
    scale: Callable[[np.ndarray], np.ndarray | None] | None = None
    appends: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None
    reference: str | None = None
    needs_fm_classifier: bool = False

    @property
    def of_rows(self) -> bool:
        """Whether it is allowed before generation and at inference too."""
        return self.proxies is None

    @property
    def definition(self) -> Any:
        """The function or class that was registered."""
        return self.rows or self.fitted or self.proxies


NORMS: Registry[Normalization] = Registry("NORM")


def normalization(name: str, *, fitted: bool = False) -> Callable[[Any], Any]:
    """Register a NORM `name` for all three places.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    fitted : bool, default=False
        Whether the component is a class that learns from training embeddings, see `FittedNorm`, instead of a function of
        rows (n, d).

    Examples
    --------
    >>> from imprint.method.normalize import apply
    >>> @normalization("sign")
    ... def sign(x):
    ...     return np.sign(x)
    >>> apply("sign", np.array([[-2.0, 0.5]]))
    array([[-1.,  1.]])
    >>> NORMS.remove("sign")
    """

    def entry(component: Any) -> Normalization:
        if fitted and not all(hasattr(component, method) for method in ("fit", "transform")):
            raise UserError(f"NORM {name}: a fitted NORM is a class with fit and transform")
        return Normalization(name, **{"fitted" if fitted else "rows": component})

    return NORMS.adding(name, entry)


def proxy_normalization(name: str, **properties: Any) -> Callable[[OfProxies], OfProxies]:
    """Register a function of all proxies as the NORM `name`; properties are fields of `Normalization`, see `proxies`."""
    return NORMS.adding(name, lambda function: Normalization(name, proxies=function, **properties))
