"""Generators whose proxies are centres of a class: its mean, its k-means centroids, its medoids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method import costs
from imprint.method.generate.randomness import Random
from imprint.method.generate.registry import generator, missing_package


@generator("mean", takes_k=False, exact_updates=True)
def mean(x: np.ndarray, k: int, random: Random, shared: None) -> np.ndarray:
    """The class mean (Qi et al. 2018; Snell et al. 2017). x: (n, d). Returns (1, d)."""
    return x.mean(axis=0, dtype=np.float64, keepdims=True)


def kmeans_at_once(
    x: np.ndarray, runs: Sequence[tuple[int, Random]], device: str = "cpu"
) -> list[np.ndarray]:
    """The proxies of `kmeans` for each k and source of randomness."""
    from imprint.method.generate.batched_kmeans import fits

    return fits(x, [(k, random.seed) for k, random in runs], device)


@generator(
    "kmeans",
    seeded=True,
    shares_fits=True,
    at_once=kmeans_at_once,
    on_device=True,
    loads="imprint.method.generate.batched_kmeans",
    operations=costs.kmeans_run,
    shared_operations=costs.kmeans_shared,
    rounds=costs.kmeans_rounds,
)
def kmeans(x: np.ndarray, k: int, random: Random, shared: None) -> np.ndarray:
    """Centroids of scikit-learn's `KMeans` with its defaults (k-means++, one start). Returns (k, d).

    If the class has fewer than k distinct samples, some centroids coincide.
    """
    (centroids,) = kmeans_at_once(x, [(k, random)])
    return centroids


@generator("minibatch_kmeans", seeded=True, loads="sklearn.cluster", operations=costs.minibatch_run)
def minibatch_kmeans(x: np.ndarray, k: int, random: Random, shared: None) -> np.ndarray:
    """Centroids of scikit-learn's `MiniBatchKMeans` (Sculley 2010), for classes of very many samples. Returns (k, d).

    A round uses 1,024 samples. Centroids are less exact than those of `kmeans`.
    """
    from sklearn.cluster import MiniBatchKMeans

    fit = MiniBatchKMeans(k, random_state=random.seed, n_init="auto", compute_labels=False).fit(x)
    return fit.cluster_centers_


def distance_matrix(x: np.ndarray) -> np.ndarray:
    """(n, n) float32 euclidean distances between the rows of x, zero on the diagonal."""
    from sklearn.metrics import pairwise_distances

    return pairwise_distances(x, metric="euclidean")


def _most_central(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distances, and the samples in ascending order of their sum of distances."""
    distances = distance_matrix(x)
    return distances, np.argsort(distances.sum(axis=1), kind="stable")


MEDOIDS: dict[str, Any] = {
    "samples": True,
    "shares_fits": True,
    "loads": "sklearn.metrics",
    "operations": costs.medoids_run,
    "shared_operations": costs.medoids_shared,
}


@generator("kmedoids", prepare=_most_central, **MEDOIDS)
def kmedoids(
    x: np.ndarray, k: int, random: Random, shared: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Medoids by alternating assignment and update (Park and Jun 2009). Returns (k,) row numbers.

    Starts from the k samples with the smallest sum of distances to all others, so it needs no seed. A round costs
    O(k n + sum of the squared sizes of the clusters that changed).
    """
    distances, central = shared
    medoids = central[:k].copy()
    before = np.full(len(x), -1)
    for _ in range(300):
        nearest = distances[medoids].argmin(axis=0)
        moved = nearest != before
        # the other clusters already have the best medoid for their samples
        changed = np.union1d(nearest[moved], before[moved])
        updated = medoids.copy()
        for cluster in changed[changed >= 0]:
            rows = np.flatnonzero(nearest == cluster)
            if len(rows) == 0:
                continue  # the medoid is a duplicate of another one and stays
            among = distances if len(rows) == len(x) else distances[np.ix_(rows, rows)]
            cost = among.sum(axis=0)
            best = cost.argmin()
            members = np.flatnonzero(rows == medoids[cluster])
            if len(members) == 0 or cost[best] < cost[members[0]]:
                updated[cluster] = rows[best]
        if (updated == medoids).all():
            break
        medoids, before = updated, nearest
    return medoids


@generator("pam", seeded=True, prepare=distance_matrix, requires="kmedoids", **MEDOIDS)
def pam(x: np.ndarray, k: int, random: Random, distances: np.ndarray) -> np.ndarray:
    """Medoids by FasterPAM from a random start (Schubert and Rousseeuw 2021). Returns (k,) row numbers.

    Swaps medoids with samples as long as the sum of distances falls, which `kmedoids` does not do: slower, but closer to
    the optimum. Needs the package `kmedoids` (GPL-3), which is not installed by default.
    """
    try:
        from kmedoids import fasterpam
    except ModuleNotFoundError:
        raise UserError(missing_package("pam", "kmedoids")) from None
    return np.sort(
        fasterpam(distances, k, random_state=random.seed % 2**32).medoids.astype(np.int64)
    )
