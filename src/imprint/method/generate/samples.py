"""Generators whose proxies are chosen training samples."""

from __future__ import annotations

import numpy as np

from imprint.method import costs
from imprint.method.generate.randomness import Random
from imprint.method.generate.registry import generator


@generator("random", seeded=True, samples=True, loads="numpy.random", operations=costs.nothing)
def random_samples(x: np.ndarray, k: int, random: Random, shared: None) -> np.ndarray:
    """K samples drawn without replacement. Returns (k,) row numbers."""
    return random.generator().permutation(len(x))[:k]


def centred(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The samples (n, d) minus their mean, and their squared lengths (n,)."""
    x = x - x.mean(axis=0)  # a common offset would cost digits of the differences between samples
    return x, np.einsum("nd,nd->n", x, x)


@generator("fps", seeded=True, samples=True, prepare=centred, loads="numpy.random")
def farthest_points(
    x: np.ndarray, k: int, random: Random, shared: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """K samples, each the farthest from those before it (Gonzalez 1985). Returns (k,) row numbers.

    The first is drawn at random. Costs O(k n d): the distance to the chosen set is kept, not recomputed.
    A chosen sample is never chosen again, even among duplicates.
    """
    x, lengths = shared

    def squared_distances(i: int) -> np.ndarray:
        return lengths + lengths[i] - 2 * (x @ x[i])

    chosen = [int(random.generator().integers(len(x)))]
    nearest = squared_distances(chosen[0])
    nearest[chosen[0]] = -np.inf
    while len(chosen) < k:
        chosen.append(int(nearest.argmax()))
        np.minimum(nearest, squared_distances(chosen[-1]), out=nearest)
        nearest[chosen[-1]] = -np.inf
    return np.array(chosen)


def by_covariance(x: np.ndarray) -> np.ndarray:
    """Row numbers (n,) of the samples (n, d) by the column sums of their sample covariance, the largest first.

    Samples are the variables, features the observations. The sum of column j is <s, x_j - mean(x_j)> / (d - 1)
    with s the sum of the row-centred samples, so the matrix is never built: O(n d).
    """
    x = x - x.mean(axis=1, keepdims=True)
    return np.argsort(-(x @ x.sum(axis=0)), kind="stable")


@generator("cov_max", samples=True, prepare=by_covariance)
def largest_covariance(x: np.ndarray, k: int, random: Random, shared: np.ndarray) -> np.ndarray:
    """Choose the k samples with the largest column sum of the n x n sample covariance. Returns (k,) row numbers."""
    return shared[:k]


@generator("all", takes_k=False, samples=True, exact_updates=True, operations=costs.nothing)
def all_samples(x: np.ndarray, k: int, random: Random, shared: None) -> np.ndarray:
    """Every sample of the class. Returns (n,) row numbers."""
    return np.arange(len(x))
