"""Training embeddings kept in a head, to measure probabilities and familiarity again after classes are added or removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.estimator.labels import renumbered

MOST_VALUES = 2**22  # such as 3,276 embeddings of 1,280 values


@dataclass(frozen=True)
class TrainingSamples:
    """All training samples of a head; none are kept if they have more than `MOST_VALUES` values.

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
        """Keep embeddings x (n, D) and their class numbers (n,); None if they are too many."""
        return cls(x.copy(), classes) if x.size <= MOST_VALUES else None

    def plus(self, x: np.ndarray, classes: np.ndarray) -> TrainingSamples | None:
        """These samples followed by others; None if they are too many."""
        if self.x.size + x.size > MOST_VALUES:
            return None
        return TrainingSamples(np.concatenate([self.x, x]), np.concatenate([self.classes, classes]))

    def keeping(self, stays: np.ndarray) -> TrainingSamples:
        """The samples of the classes in the mask `stays` (C,), with classes renumbered."""
        kept, numbers = renumbered(self.classes, stays)
        return TrainingSamples(self.x[kept], numbers)
