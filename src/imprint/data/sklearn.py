"""Datasets that are part of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imprint.data.image_arrays import ArraySource
from imprint.data.images import stratified
from imprint.data.registry import source


@source("sklearn")
@dataclass(frozen=True)
class Sklearn(ArraySource):
    """`digits`: 1,797 handwritten digits of 8 x 8 pixels (UCI optdigits).

    Attributes
    ----------
    name : str
        The dataset.
    test_fraction : float
        Share of every class in the split `test`.
    seed : int
        Seed of the split.
    """

    name: str = "digits"
    test_fraction: float = 0.3
    seed: int = 0

    def class_names(self) -> Sequence[str]:
        """The ten digits."""
        return tuple("0123456789")

    def make(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """The digits with values 0..255, split within each class."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        labels = digits.target.astype(np.int64)
        test = stratified(labels, self.test_fraction, self.seed)
        return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}
