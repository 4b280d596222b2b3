"""Tuning on training samples: the method or its k, the temperature, and the held-out samples of familiarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imprint.estimator.parameters import configuration_of
from imprint.estimator.training_samples import TrainingSamples
from imprint.method.configuration import Configuration, parse_k
from imprint.method.familiarity import Familiarity
from imprint.method.generate import GENERATORS
from imprint.method.generate.choice import Choice
from imprint.method.generate.choose_k import choose_k
from imprint.method.generate.choose_method import choose
from imprint.method.normalize import FittedNorms


@dataclass(frozen=True)
class Tuned:
    """A method, and what was measured on held-out training samples.

    Attributes
    ----------
    configuration : Configuration
        The method.
    k : int or None
        Proxies per class; None if the GEN leaves no choice.
    choice : Choice or None
        What `auto` considered; None if the user named the method.
    inverse_temperature : float or None
        Of the softmax of `predict_proba`; None if no samples were held out.
    familiarity : Familiarity or None
        How well held-out samples fit; None if none were held out.
    current : bool
        Whether temperature and familiarity were measured on all current samples of the head.
    """

    configuration: Configuration
    k: int | None
    choice: Choice | None = None
    inverse_temperature: float | None = None
    familiarity: Familiarity | None = None
    current: bool = True


def tune(
    x: np.ndarray,
    y: np.ndarray,
    parts: Mapping[str, Any] | None,
    seed: int,
    *,
    norms: FittedNorms,
    hold_out: bool,
    **settings: Any,
) -> Tuned:
    """Choose everything left open, on training samples x (n, D) with labels y (n,), 0..C-1.

    Parameters
    ----------
    x, y : ndarray
        The samples.
    parts : mapping or None
        All choices of the method, see `imprint.estimator.parameters.resolve`; None: they are chosen on the samples.
    seed : int
        Seed of GEN and of the held-out folds.
    norms : FittedNorms
        The NORMs of these samples, for later use: those that the method needs are fitted.
    hold_out : bool
        Whether samples are held out even if the method is named.
    **settings
        As in `imprint.method.generate.choose_method.choose`.
    """
    if parts is None:
        choice = choose(x, y, seed, norms=norms, **settings)
        chosen = choice.configuration
        return Tuned(chosen, _k_of(chosen), choice, *_held_out(choice))
    k = None
    if GENERATORS[parts["gen"]].takes_k:
        k = parse_k(parts["k"]).column
        if k is None:
            normalised = norms.apply_to_embeddings(parts["norm_pre"], x)
            k, _ = choose_k(normalised, y, parts["gen"], seed)
    configuration = configuration_of(parts, k)
    if not hold_out:
        return Tuned(configuration, _k_of(configuration))
    alone = choose(x, y, seed, [configuration], norms=norms, **settings)
    return Tuned(configuration, _k_of(configuration), None, *_held_out(alone))


def measured_again(
    tuned: Tuned, samples: TrainingSamples, norms: FittedNorms, seed: int, **settings: Any
) -> Tuned:
    """Measure temperature and familiarity of the same method again, on the current samples.

    Parameters
    ----------
    tuned : Tuned
        The previous result.
    samples : TrainingSamples
        All samples.
    norms : FittedNorms
        The NORMs of the head, which keep the choices of the first fit.
    seed, **settings
        As in `tune`.
    """
    alone = choose(samples.x, samples.classes, seed, [tuned.configuration], norms=norms, **settings)
    inverse, familiarity = _held_out(alone)
    return replace(tuned, inverse_temperature=inverse, familiarity=familiarity, current=True)


def _k_of(method: Configuration) -> int | None:
    return method.k.column if GENERATORS[method.gen].takes_k else None


def _held_out(choice: Choice) -> tuple[float | None, Familiarity | None]:
    """Inverse temperature and familiarity of a choice."""
    inverse = choice.inverse_temperature
    return None if np.isnan(inverse) else inverse, choice.familiarity
