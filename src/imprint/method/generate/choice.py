"""A chosen method, and the reasons for it in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imprint.method.configuration import Configuration
from imprint.method.familiarity import Familiarity

NEARLY_GUESSING = 0.99  # a method whose log loss is above this share of that of guessing is no better than guessing


@dataclass(frozen=True)
class Considered:
    """One of the methods of a choice.

    Attributes
    ----------
    configuration : Configuration
        The method.
    loss : float
        Mean log loss of the held-out samples at the best temperature; NaN if nothing was held out.
    accuracy : float
        Share of the held-out samples that it classifies correctly.
    gain : float
        How much lower its loss is than that of the simplest method.
    standard_error : float
        Standard error of the gain, over held-out samples.
    """

    configuration: Configuration
    loss: float
    accuracy: float
    gain: float
    standard_error: float


@dataclass(frozen=True)
class Choice:
    """The chosen method, and the reasons for it.

    Attributes
    ----------
    configuration : Configuration
        The method.
    considered : tuple of Considered
        All methods, in the given order.
    held_out : int
        Number of held-out predictions that the choice is based on.
    inverse_temperature : float
        Factor of its class scores in the softmax that gives probabilities; NaN if nothing was held out.
    seconds : float
        Time of the choice.
    classes : int
        Number of classes.
    familiarity : Familiarity or None
        How well held-out samples fit the method; None if nothing was held out.
    """

    configuration: Configuration
    considered: tuple[Considered, ...]
    held_out: int
    inverse_temperature: float
    seconds: float
    classes: int
    familiarity: Familiarity | None = None

    def as_dict(self) -> dict[str, Any]:
        """The choice as a dictionary for JSON."""
        return {
            "method": self.configuration.as_dict(),
            "reason": self.reason,
            "held_out": self.held_out,
            "held_out_samples": self.familiarity.samples if self.familiarity else 0,
            "seconds": self.seconds,
            "considered": [
                {
                    "method": entry.configuration.as_dict(),
                    "log_loss": _or_none(entry.loss),
                    "accuracy": _or_none(entry.accuracy),
                    "gain": entry.gain,
                    "standard_error": _or_none(entry.standard_error),
                }
                for entry in self.considered
            ],
        }

    @property
    def reason(self) -> str:
        """The reason for the choice, in a sentence for users."""
        if not self.held_out:
            return "fewer than two classes have two samples, so none can be held out; the simplest method is used"
        first = self.considered[0]
        chosen = next(c for c in self.considered if c.configuration == self.configuration)
        if len(self.considered) == 1:
            text = f"the only method. On {self._measured} its log loss is {chosen.loss:.3f}"
        elif chosen is first:
            text = (
                f"the simplest of {len(self.considered)} methods. On {self._measured} no other method has a log loss that is lower "
                "by more than its standard error and an accuracy that is at least as high"
            )
        else:
            text = (
                f"better than the simplest method on {self._measured}: log loss {chosen.loss:.3f} against "
                f"{chosen.loss + chosen.gain:.3f} (difference {chosen.gain:.3f}, standard error {chosen.standard_error:.3f})"
            )
        if chosen.loss > NEARLY_GUESSING * np.log(self.classes):
            text += ". No method is better than guessing here: more images may help, or classes that are easier to tell apart"
        return text

    @property
    def _measured(self) -> str:
        """The samples on which losses were measured."""
        assert self.familiarity is not None
        samples = self.familiarity.samples
        if samples == self.held_out:
            return f"{samples:,} held-out samples"
        times, uneven = divmod(self.held_out, samples)
        often = f"up to {times + 1}" if uneven else str(times)
        return f"{samples:,} samples (each held out {often} times)"


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
