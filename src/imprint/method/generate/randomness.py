"""Randomness of GENs that see one class at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Random:
    """Source of randomness of one class in one run.

    Attributes
    ----------
    seed : int
        Seed of the run.
    label : int
        Number of the class; each class has its own random stream.
    """

    seed: int
    label: int

    def generator(self) -> np.random.Generator:
        """A numpy generator of this seed and class."""
        return np.random.default_rng([self.seed, self.label])
