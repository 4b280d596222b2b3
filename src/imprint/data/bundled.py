"""Datasets that need no network and no files of the user's."""

from dataclasses import dataclass

import numpy as np

from imprint.data import glyphs
from imprint.data.images import stratified
from imprint.data.registry import IMAGES, read_images, source, write_images
from imprint.errors import UserError


@source("glyphs")
@dataclass(frozen=True)
class Glyphs:
    """Drawn characters, see `imprint.data.glyphs`: so many images a class in each split."""

    pretrain: int = 200
    train: int = 100
    test: int = 50
    seed: int = 0

    splits = glyphs.SPLITS

    def __post_init__(self):
        for split in self.splits:
            if getattr(self, split) < 1:
                raise UserError(
                    f"dataset source 'glyphs': {split} is {getattr(self, split)}, not a positive number"
                )

    def class_count(self):
        return len(glyphs.CLASSES)

    def prepare(self, folder):
        drawn = glyphs.draw({split: getattr(self, split) for split in self.splits}, self.seed)
        return write_images(folder, drawn, glyphs.CLASSES)

    def open(self, folder, manifest, split):
        return read_images(folder, split)

    def files(self, folder):
        return [folder / IMAGES]


@source("sklearn")
@dataclass(frozen=True)
class Sklearn:
    """A dataset inside scikit-learn: `digits`, 1,797 handwritten digits of 8 x 8 pixels (UCI optdigits)."""

    name: str = "digits"
    test_fraction: float = 0.3
    seed: int = 0

    splits = ("train", "test")

    def __post_init__(self):
        if self.name != "digits":
            raise UserError(f"dataset source 'sklearn' has no '{self.name}'; known: digits")
        if not 0 < self.test_fraction < 1:
            raise UserError(
                f"dataset source 'sklearn': test_fraction {self.test_fraction} is not between 0 and 1"
            )

    def class_count(self):
        return 10

    def prepare(self, folder):
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        labels = digits.target.astype(np.int64)
        test = stratified(labels, self.test_fraction, self.seed)
        parts = {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}
        return write_images(folder, parts, tuple(str(name) for name in digits.target_names))

    def open(self, folder, manifest, split):
        return read_images(folder, split)

    def files(self, folder):
        return [folder / IMAGES]
