"""Weightings: how much the vote of a neighbour counts, depending on its distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import BY_DISTANCE, UNIFORM
from imprint.method.names import split_name
from imprint.registry import Component, Registry

ROUNDING = 1e-5  # part of the largest distance
TINY = 1e-10  # added to a distance before its inverse becomes a weight
TEMPERATURE = 0.07  # of `exponential`, as in DINO


@dataclass(frozen=True)
class Weighting(Component):
    """A registered weighting; see also `Component`.

    Attributes
    ----------
    weights : callable
        Function of distances (n, m) float64, nearest first, and its argument, if any; returns weights (n, m), not negative and not
        all 0 for a sample.
    default : float or None
        The default argument; None if it takes none.
    """

    weights: Callable[..., np.ndarray]
    default: float | None = None

    @property
    def definition(self) -> Any:
        """The function that was registered."""
        return self.weights


WEIGHTINGS: Registry[Weighting] = Registry("weighting")


def weighting(name: str, **properties: Any) -> Callable[[Any], Any]:
    """Register a function of distances (n, m) as the weighting `name`; properties are fields of `Weighting`.

    Examples
    --------
    >>> @weighting("reciprocal_square")
    ... def reciprocal_square(distances):
    ...     return 1 / (distances + 1e-10) ** 2
    >>> vote_weights("reciprocal_square", np.array([[0.5, 1.0]])).round(3)
    array([[4., 1.]])
    >>> WEIGHTINGS.remove("reciprocal_square")
    """
    return WEIGHTINGS.adding(name, lambda function: Weighting(name, function, **properties))


@weighting(UNIFORM)
def uniform(distances: np.ndarray) -> np.ndarray:
    """All votes count the same."""
    return np.ones(distances.shape)


@weighting(BY_DISTANCE)
def by_distance(distances: np.ndarray) -> np.ndarray:
    """Votes count by the inverse of the distance."""
    return 1 / (distances + TINY)


@weighting("exponential", default=TEMPERATURE)
def exponential(distances: np.ndarray, temperature: float) -> np.ndarray:
    """Votes count by exp(-distance / temperature): with cosine by exp(cosine / temperature) (Wu et al. 2018).

    Distances are relative to the nearest, which changes no comparison and keeps the numbers finite.
    """
    return np.exp((distances.min(axis=1, keepdims=True) - distances) / temperature)


def find_weighting(text: str) -> tuple[Weighting, tuple[float, ...]]:
    """The weighting named by a text, and its argument.

    Raises
    ------
    UserError
        If the weighting is unknown, or does not take this argument.
    """
    name, argument = split_name(text)
    entry = WEIGHTINGS.find(name)
    if argument is None:
        return entry, () if entry.default is None else (entry.default,)
    try:
        number = float(argument)
    except ValueError:
        number = -1.0
    if entry.default is None or not 0 < number < np.inf:
        raise UserError(
            f"weighting '{text}': '{name}' takes "
            + ("no argument" if entry.default is None else "a positive number in brackets")
        )
    return entry, (number,)


def vote_weights(text: str, distances: np.ndarray) -> np.ndarray:
    """Weights (n, m) of the votes of neighbours at these distances (n, m), nearest first.

    Raises
    ------
    UserError
        If a user's weighting returns another shape, numbers that are negative or not finite, or only zeros for a sample.
    """
    entry, arguments = find_weighting(text)
    # rounding may leave distances a little below 0
    if (least := distances.min(initial=0)) < -ROUNDING * max(1, distances.max(initial=0)):
        raise UserError(f"votes cannot be weighted by negative distances: the least is {least:g}")
    weights = entry.call(
        lambda *of: np.asarray(entry.weights(*of), np.float64),
        np.maximum(distances, 0, dtype=np.float64),
        *arguments,
    )
    if entry.of_user:
        valid = weights.shape == distances.shape and bool(
            (np.isfinite(weights) & (weights >= 0)).all() and weights.any(axis=1).all()
        )
        if not valid:
            raise UserError(
                f"weighting '{text}' returned weights of shape {weights.shape}, from {weights.min(initial=np.inf):g} to "
                f"{weights.max(initial=-np.inf):g}; it must return finite numbers of shape {distances.shape}, not negative and not all 0 for a sample"
            )
    return weights
