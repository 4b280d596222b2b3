"""What components cost, for `imprint doctor`: in floating-point operations of a large float32 product.

One operation stands for the time that one takes in a product of large matrices on the same core. What reads memory or computes in
float64 takes longer, so most constants below are larger than the count of additions and multiplications. They were measured at
6,000 to 60,000 samples of 512 to 2,048 values; `python -m benchmarks.paper` compares what they say with what a study takes.
No result depends on them.

n: samples, or embeddings that are scored; k: proxies of each class; classes: their number; d: size; p: proxies of all classes.
"""

from __future__ import annotations


def copies(n: int, classes: int, d: int) -> float:
    """The samples of each class are copied."""
    return 100.0 * n * d


def nothing(n: int, k: int, classes: int, d: int) -> float:
    """Samples are named by number."""
    return 0.0


def passes(n: int, k: int, classes: int, d: int) -> float:
    """The samples are read once for each proxy."""
    return n * d * (200.0 + 20 * k)


def kmeans_run(n: int, k: int, classes: int, d: int) -> float:
    """Some twenty rounds: distances to k centroids, and the sums of the samples of each."""
    return n * d * (800.0 + 97 * k)


def kmeans_shared(n: int, classes: int, d: int) -> float:
    """The samples are read for each round and for each centroid of a start, however many runs there are."""
    return 7000.0 * n * d


def minibatch_run(n: int, k: int, classes: int, d: int) -> float:
    """As many samples as the rounds see before they change little, at most five times all."""
    return 5 * 2.0 * n * k * d


def medoids_run(n: int, k: int, classes: int, d: int) -> float:
    """Sums of distances within clusters, for some rounds."""
    return 330.0 * n * n / classes


def medoids_shared(n: int, classes: int, d: int) -> float:
    """The distances between all samples of a class, in float64, and their roots."""
    return n * n / classes * (4.4 * d + 700)


def least_squares_run(n: int, k: int, classes: int, d: int) -> float:
    """The nearest of k centroids, and the sums of the pseudo-classes."""
    return n * d * (250.0 + 50 * k)


def least_squares_shared(n: int, classes: int, d: int) -> float:
    """X^T X and its factor, in float64."""
    return 3.0 * n * d * d + d**3


def ridge(n: int, k: int, classes: int, d: int) -> float:
    """The scatter, the coordinates of some samples, and their errors for each penalty."""
    some = min(n, 10_000)
    return 2.0 * (n + some) * d * min(n, d) + 20 * 2.0 * some * d * classes


def logistic(n: int, k: int, classes: int, d: int) -> float:
    """Twelve penalties of a hundred iterations, forwards and backwards."""
    return 13 * 100 * 4.0 * n * d * classes


def chosen_method(n: int, k: int, classes: int, d: int) -> float:
    """About two fits of the largest method, and the decompositions of fitted NORMs in each fold."""
    largest = kmeans_run(n, 20, classes, d) + kmeans_shared(n, classes, d)
    return 2 * largest + 30 * 2.0 * d**3


def product(n: int, p: int, d: int) -> float:
    """The product of embeddings and proxies."""
    return 2.0 * n * p * d


def subtractions(n: int, p: int, d: int) -> float:
    """A difference and its size in place of each multiplication."""
    return 10.0 * n * p * d


def whitening(n: int, p: int, d: int) -> float:
    """The product, after the covariance's factor and the whitened proxies; the whitened embeddings' lengths. In float64."""
    return product(n, p, d) + 5.0 * d**3 + (10.0 * d + 15_000) * p * d + 6.0 * n * d * d


def normalisation(p: int, d: int) -> float:
    """A NORM of proxies that does more than to scale them: their values are sorted."""
    return 300.0 * p * d


def ranking(n: int, p: int, m: int) -> float:
    """The m nearest of p proxies."""
    return n * (150.0 * p + 18_000 * min(m, p))


def embeddings(n: int, d: int) -> float:
    """Embeddings are copied, normalised and measured before they are scored."""
    return 340.0 * n * d


def collapse(n: int, d: int) -> float:
    """The sum of squares within classes, and the eigenvalues of two matrices."""
    return 4.0 * n * d * d + 65.0 * d**3
