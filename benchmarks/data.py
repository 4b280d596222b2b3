"""Data of the size that the bars are given for: 60,000 training and 10,000 test embeddings, 512 wide, 10 classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Data:
    """Training and test embeddings (float32) with their labels."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int


def made(
    train: int = 60_000, test: int = 10_000, d: int = 512, classes: int = 10, seed: int = 0
) -> Data:
    """Embeddings as a ReLU network gives them: non-negative, each class a mixture of five clusters."""
    rng = np.random.default_rng(seed)
    centres = np.maximum(
        rng.normal(size=(classes, 1, d)) + 0.7 * rng.normal(size=(classes, 5, d)), 0
    )

    def split(n: int) -> tuple[np.ndarray, np.ndarray]:
        y, cluster = rng.integers(0, classes, n), rng.integers(0, 5, n)
        x = centres[y, cluster].astype(np.float32)
        x += rng.normal(scale=0.5, size=(n, d)).astype(np.float32)
        return np.maximum(x, 0, out=x), y

    return Data(*split(train), *split(test), classes)
