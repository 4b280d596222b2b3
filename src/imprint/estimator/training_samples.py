"""Training embeddings that a head keeps, to measure anew what held-out samples say once classes come or go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 2**22  # values: those of 3,276 embeddings of 1,280


@dataclass(frozen=True)
class TrainingSamples:
    """All training samples of a head; where they are more than `MOST` values none are kept.

    Attributes
    ----------
    x : ndarray of shape (n, D)
        Embeddings before NORMpre, float32.
    classes : ndarray of shape (n,)
        Numbers of their classes.
    """

    x: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, classes: np.ndarray) -> TrainingSamples | None:
        """Embeddings x (n, D) and the numbers of their classes (n,); None of too many."""
        return cls(x.copy(), classes) if x.size <= MOST else None

    def plus(self, x: np.ndarray, classes: np.ndarray) -> TrainingSamples | None:
        """With further samples; None of too many."""
        if self.x.size + x.size > MOST:
            return None
        return TrainingSamples(np.concatenate([self.x, x]), np.concatenate([self.classes, classes]))

    def without(self, stays: np.ndarray) -> TrainingSamples:
        """Those of the classes of a mask (C,), numbered anew."""
        of_stays = stays[self.classes]
        numbers = np.cumsum(stays) - 1
        return TrainingSamples(self.x[of_stays], numbers[self.classes[of_stays]])
