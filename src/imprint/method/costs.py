"""Estimated costs of components, for `imprint doctor`, in floating-point operations of a large float32 product.

The unit is the time of one operation in a product of large matrices on the same core. Code that is limited by memory or
computes in float64 is slower, so most constants below are larger than the number of additions and multiplications. They
were measured at 6,000 to 60,000 samples of 512 to 2,048 values; `python -m benchmarks.paper` compares the estimates with
the time of a study. No result depends on them.

n: number of samples, or of embeddings to score; k: proxies per class; classes: number of classes; d: size of an embedding;
p: proxies of all classes.
"""

from __future__ import annotations


def copies(n: int, classes: int, d: int) -> float:
    """Copy the samples of each class."""
    return 100.0 * n * d


def nothing(n: int, k: int, classes: int, d: int) -> float:
    """Return row numbers of samples only."""
    return 0.0


def passes(n: int, k: int, classes: int, d: int) -> float:
    """Read the samples once for each proxy."""
    return n * d * (200.0 + 20 * k)


def kmeans_rounds(samples: float) -> float:
    """Factor of the cost for few or many samples, and for classes of several original ones, which take fewer rounds.

    samples: number of samples per original class. The factor is 1 for 6,000 and follows the power 0.6 from 1,000 to 8,000.
    """
    return min(1.2, max(0.35, (samples / 6000) ** 0.6))


def kmeans_run(n: int, k: int, classes: int, d: int) -> float:
    """About forty rounds, each with the distances to k centroids and the sum of the samples of each cluster."""
    return n * d * (800.0 + 97 * k)


def kmeans_shared(n: int, classes: int, d: int) -> float:
    """Read the samples for each round and each initial centroid, regardless of the number of runs."""
    return 7000.0 * n * d


def minibatch_run(n: int, k: int, classes: int, d: int) -> float:
    """Batches until the centroids change little, at most five times all samples."""
    return 5 * 2.0 * n * k * d


def medoids_run(n: int, k: int, classes: int, d: int) -> float:
    """Sums of distances within clusters, for a few rounds."""
    return 330.0 * n * n / classes


def medoids_shared(n: int, classes: int, d: int) -> float:
    """Distances between all samples of a class, in float64, and their square roots."""
    return n * n / classes * (4.4 * d + 700)


def least_squares_run(n: int, k: int, classes: int, d: int) -> float:
    """Find the nearest of k centroids, and sum the samples of each pseudo-class."""
    return n * d * (125.0 + 25 * k)


def least_squares_shared(n: int, classes: int, d: int) -> float:
    """X^T X and its Cholesky factor, in float64."""
    return 2.0 * n * d * d + d**3


def ridge(n: int, k: int, classes: int, d: int) -> float:
    """The scatter, the coordinates of up to 10,000 samples, and their errors for each penalty."""
    sampled = min(n, 10_000)
    return 2.0 * (n + sampled) * d * min(n, d) + 20 * 2.0 * sampled * d * classes


def logistic(n: int, k: int, classes: int, d: int) -> float:
    """Twelve penalties and the final fit, each with a hundred iterations, forwards and backwards."""
    return 13 * 100 * 4.0 * n * d * classes


def chosen_method(n: int, k: int, classes: int, d: int) -> float:
    """About two fits of the largest method, and the decompositions of fitted NORMs in each fold."""
    largest = kmeans_run(n, 20, classes, d) + kmeans_shared(n, classes, d)
    return 2 * largest + 30 * 2.0 * d**3


def product(n: int, p: int, d: int) -> float:
    """The product of embeddings and proxies."""
    return 2.0 * n * p * d


def subtractions(n: int, p: int, d: int) -> float:
    """A subtraction and an absolute value in place of each multiplication; from 3.5 on one machine to 10 on another."""
    return 5.0 * n * p * d


def whitening(n: int, p: int, d: int) -> float:
    """The covariance factor, whitened proxies, the product, and the lengths of whitened embeddings, in float64."""
    return product(n, p, d) + 5.0 * d**3 + (10.0 * d + 15_000) * p * d + 6.0 * n * d * d


def normalisation(p: int, d: int) -> float:
    """A NORM of proxies that does more than scale them: it sorts their values."""
    return 300.0 * p * d


def ranking(n: int, p: int, m: int) -> float:
    """Find the m nearest of p proxies."""
    return n * (150.0 * p + 18_000 * min(m, p))


def embeddings(n: int, d: int) -> float:
    """Copy and normalise the embeddings and compute their lengths, before scoring."""
    return 340.0 * n * d


def collapse(n: int, d: int) -> float:
    """The within-class scatter, and the eigenvalues of two matrices."""
    return 4.0 * n * d * d + 65.0 * d**3
