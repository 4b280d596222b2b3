"""Aggregations (AGG): how the similarities of a test embedding and all proxies become one score for each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import (
    EXPONENTIAL,
    INNER_PRODUCT,
    LOGSUMEXP,
    MAX,
    MNN,
    UNIFORM,
    Scoring,
)
from imprint.method.large_arrays import fault
from imprint.method.weightings import find_weighting
from imprint.registry import Component, Registry


@dataclass(frozen=True)
class Aggregation(Component):
    """A registered AGG; see also `Component`.

    Attributes
    ----------
    class_scores : callable or None
        Function of similarities (n, P), of the classes (P,) of the proxies, ascending, and of the number of classes, that returns
        class scores (n, classes); with a weighting, its argument follows. None if the nearest proxies decide, which the engine finds
        without all similarities.
    takes_m : bool
        Whether the m nearest proxies vote.
    default_distance : str
        The distance if an experiment of a study names none.
    default_weighting : str or None
        The weighting if none is named; None if it takes no weighting.
    only_weighting : str or None
        The one weighting that it takes; None if it takes all or none.
    """

    class_scores: Callable[..., np.ndarray] | None = None
    takes_m: bool = False
    default_distance: str = INNER_PRODUCT
    default_weighting: str | None = None
    only_weighting: str | None = None

    @property
    def takes_weighting(self) -> bool:
        """Whether it takes a weighting."""
        return self.default_weighting is not None

    @property
    def definition(self) -> Any:
        """The function that was registered; this class if there is none."""
        return self.class_scores or type(self)


AGGREGATIONS: Registry[Aggregation] = Registry("AGG")


def aggregation(
    name: str,
    *,
    default_distance: str = INNER_PRODUCT,
    default_weighting: str | None = None,
    only_weighting: str | None = None,
) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    """Register a function of similarities (n, P), classes (P,) and their number as the AGG `name`.

    It returns class scores (n, classes), of which the largest decides. It is called for strips of rows, one call at a time, so each
    row must be treated alone. With a default weighting it takes a weighting, whose argument follows. The other parameters are
    fields of `Aggregation`.

    Examples
    --------
    >>> @aggregation("mean_similarity")
    ... def mean_similarity(similarities, labels, classes):
    ...     return np.stack([similarities[:, labels == c].mean(axis=1) for c in range(classes)], axis=1)
    >>> AGGREGATIONS.find("mean_similarity").default_distance
    'inner_product'
    >>> AGGREGATIONS.remove("mean_similarity")
    """
    return AGGREGATIONS.adding(
        name,
        lambda function: Aggregation(
            name,
            function,
            default_distance=default_distance,
            default_weighting=default_weighting,
            only_weighting=only_weighting,
        ),
    )


AGGREGATIONS.add(MAX, Aggregation(MAX))
AGGREGATIONS.add(
    MNN, Aggregation(MNN, takes_m=True, default_distance="euclidean", default_weighting=UNIFORM)
)


@aggregation(LOGSUMEXP, default_weighting=EXPONENTIAL, only_weighting=EXPONENTIAL)
def logsumexp(
    similarities: np.ndarray, labels: np.ndarray, classes: int, temperature: float
) -> np.ndarray:
    """T log(sum of exp(similarity / T)) over the proxies of a class, a smooth maximum (Qian et al. 2019, "SoftTriple")."""
    if len(labels) == classes:
        return similarities  # with one proxy per class the smooth maximum is the maximum
    firsts = np.flatnonzero(np.diff(labels, prepend=-1))
    best = best_of_classes(similarities, labels, classes)
    powers = np.exp((similarities - best[:, labels]) / temperature)
    scores: np.ndarray = best + temperature * np.log(np.add.reduceat(powers, firsts, axis=1))
    return scores


def best_of_classes(similarities: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The largest similarity (n, classes) of each class, from those of all proxies (n, P) with ascending labels (P,)."""
    if len(labels) == classes:
        return similarities
    firsts = np.flatnonzero(np.diff(labels, prepend=-1))
    best: np.ndarray = np.maximum.reduceat(similarities, firsts, axis=1)
    return best


def needs_all_proxies(scoring: Scoring) -> bool:
    """Whether all proxies of a class count, instead of the nearest only."""
    return AGGREGATIONS.find(scoring.agg).class_scores is not None


def aggregated(
    similarities: np.ndarray, labels: np.ndarray, classes: int, scoring: Scoring
) -> np.ndarray:
    """Class scores (n, classes) from the similarities (n, P) of all proxies.

    Raises
    ------
    UserError
        If a user's AGG returns another shape, or numbers that are not finite and real.
    """
    entry = AGGREGATIONS.find(scoring.agg)
    if entry.class_scores is None:
        return best_of_classes(similarities, labels, classes)
    arguments = () if scoring.weighting is None else find_weighting(scoring.weighting)[1]
    if not entry.of_user:
        return entry.class_scores(similarities, labels, classes, *arguments)
    scores = entry.call(
        lambda *of: np.asarray(entry.class_scores(*of)),  # type: ignore[misc]
        similarities.copy(),
        labels.copy(),
        classes,
        *arguments,
    )
    expected = (len(similarities), classes)
    wrong = fault(scores, expected)
    if not wrong and not np.isfinite(scores).all():
        wrong = "infinity"
    if wrong:
        raise UserError(
            f"AGG '{entry.name}' returned {wrong} for {len(similarities)} embeddings, {len(labels)} proxies and {classes} classes; "
            f"it must return finite real numbers of shape {expected}"
        )
    return scores
