"""K-means of one class for several k and seeds at once, with the results of scikit-learn's `KMeans`.

A single fit leaves most of a core idle: its products are narrow, and each round of each fit reads the samples again. Here
all fits of a class perform each round together. Each fit takes the same steps as in scikit-learn, in the same order: the
same stream of random numbers, the same arithmetic of starts, rounds and stops. So centroids are those of `KMeans` on one
core, to the last digit if the linear algebra library computes a product in the same way for any number of columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from imprint.method.blas import AddedProduct
from imprint.method.generate.kmeans_kernel import ENDED, FAILED, GOES_ON, ROUNDS, assign

if TYPE_CHECKING:
    from imprint.method.generate.kmeans_on_device import SamplesOnDevice

TOLERANCE = 1e-4  # of the mean variance of a feature
CHUNK = 256  # rows of a product, as in scikit-learn
NARROW = 2**20  # multiplications up to which OpenBLAS uses other kernels, whose last digits differ
START_BLOCK = 2**17  # float64 values at a time
COINCIDE = 1e-9  # share of the sum of squared distances below which samples and centroids coincide


def fits(x: np.ndarray, runs: Sequence[tuple[int, int]], device: str = "cpu") -> list[np.ndarray]:
    """Fit k-means for each k and seed.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Samples of one class.
    runs : sequence of (k, seed)
        Numbers of clusters, at most n, and seeds.
    device : str, default="cpu"
        "cpu", or a torch device, which rounds sums differently: centroids agree to some digits of float32 unless a sample
        is equally near to two centroids.

    Returns
    -------
    list of ndarray of shape (k, d)
        Centroids, as `KMeans.cluster_centers_`, in the order of `runs`. If a cluster becomes empty, there are fewer than k
        distinct samples, or x is not finite and float32, scikit-learn itself computes the fit.

    Examples
    --------
    >>> x = np.array([[0, 0], [0, 2], [9, 4]], np.float32)
    >>> fits(x, [(1, 0), (2, 0)])[0]
    array([[3., 2.]], dtype=float32)
    """
    distinct = list(dict.fromkeys(_key(*run) for run in runs))
    with _libraries().limit(limits=1):  # the products of one class are too small for several cores
        centroids = _together(x, distinct, device)
        for name in distinct:
            if name not in centroids:
                centroids[name] = _by_scikit_learn(x, *name)
    return [centroids[_key(*run)] for run in runs]


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def _key(k: int, seed: int) -> tuple[int, int]:
    """Key of a run: runs with equal keys have equal results. With k = 1 the seed does not matter."""
    return k, seed if k > 1 else 0


def _together(
    x: np.ndarray, runs: Sequence[tuple[int, int]], device: str
) -> dict[tuple[int, int], np.ndarray]:
    """The fits that are computed here, without scikit-learn, by k and seed."""
    if x.dtype != np.float32 or not np.isfinite(x.sum(dtype=np.float64)):
        return {}
    x = np.ascontiguousarray(x)
    mean = x.mean(axis=0)
    centred = x - mean
    least_shift = float(np.mean(np.var(x, axis=0)) * TOLERANCE)
    samples = _samples(centred, device)
    ended = samples.rounds(_starts(samples, len(x), runs), least_shift)
    return {run: centroids + mean for run, centroids in ended.items()}


def _samples(x: np.ndarray, device: str) -> _SamplesOnCpu | SamplesOnDevice:
    if device == "cpu":
        return _SamplesOnCpu(x)
    from imprint.devices import choose_device
    from imprint.method.generate.kmeans_on_device import SamplesOnDevice

    return SamplesOnDevice(x, choose_device(device))


def _by_scikit_learn(x: np.ndarray, k: int, seed: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(n_clusters=k, random_state=seed).fit(x).cluster_centers_


class _Start:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007): a sequence of rows of n samples, of which the first k start a fit.

    Of `trials` samples drawn for each centroid, the best is taken.
    """

    def __init__(self, n: int, trials: int, seed: int) -> None:
        self.random = np.random.RandomState(seed)
        self.trials = trials
        self.ones = np.ones(n, np.float32)
        self.drawn = np.array([self.random.choice(n, p=self.ones / self.ones.sum())])
        self.rows: list[int] = []
        self.nearest: np.ndarray = np.empty(0, np.float32)
        self.total: Any = np.float32(0)
        self.first_total = np.float32(0)

    @property
    def exhausted(self) -> bool:
        """Whether every sample coincides with a centroid."""
        return bool(self.rows) and bool(np.all(self.total <= COINCIDE * self.first_total))

    def draw(self) -> None:
        """Draw samples with probability proportional to their squared distance to the nearest centroid."""
        # sequential float32 sums: other sums would sometimes draw other samples
        values = self.random.uniform(size=self.trials) * self.total
        drawn = np.searchsorted(np.cumsum(self.nearest), values)
        self.drawn = np.minimum(drawn, self.nearest.size - 1)

    def take(self, distances: np.ndarray) -> None:
        """Take the best of the drawn samples. distances: (trials, n) squared distances from these to all samples."""
        if not self.rows:
            self.rows, self.nearest = [int(self.drawn[0])], distances
            self.total = distances @ self.ones
            self.first_total = self.total[0]
            return
        distances = np.minimum(self.nearest, distances)
        totals = distances @ self.ones[:, None]
        best = np.argmin(totals)
        self.rows.append(int(self.drawn[best]))
        self.nearest, self.total = distances[best], totals[best]


def _starts(
    samples: _SamplesOnCpu | SamplesOnDevice, n: int, runs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[int]]:
    """Rows of the initial centroids of each run; runs with fewer than k distinct samples are left out."""
    longest: dict[tuple[int, int], int] = {}
    for k, seed in runs:
        chain = _chain(k, seed)
        longest[chain] = max(k, longest.get(chain, 0))
    starts = {chain: _Start(n, *chain) for chain in longest}
    active = list(starts)
    while active:
        drawn = np.concatenate([starts[chain].drawn for chain in active])
        distances = samples.squared_distances(drawn)
        end = 0
        for chain in active:
            first, end = end, end + len(starts[chain].drawn)
            starts[chain].take(distances[first:end])
        active = [
            chain
            for chain in active
            if len(starts[chain].rows) < longest[chain] and not starts[chain].exhausted
        ]
        for chain in active:
            starts[chain].draw()
    rows = {run: starts[_chain(*run)].rows[: run[0]] for run in runs}
    return {run: centroids for run, centroids in rows.items() if len(centroids) == run[0]}


def _chain(k: int, seed: int) -> tuple[int, int]:
    """The number of trials, and the seed: runs with the same two draw the same samples."""
    return 2 + int(np.log(k)), seed


class _SamplesOnCpu:
    """The samples of one class (n, d), minus their mean, on the CPU."""

    def __init__(self, x: np.ndarray) -> None:
        self._x = x
        blocks = np.array_split(x, x.size // START_BLOCK + 1)
        wide = (block.astype(np.float64) for block in blocks)
        self._lengths = np.concatenate([np.einsum("nd,nd->n", block, block) for block in wide])

    def squared_distances(self, rows: np.ndarray) -> np.ndarray:
        """Computed in float64."""
        x, lengths = self._x, self._lengths
        distances = np.empty((len(rows), len(x)), np.float32)
        chosen = x[rows].astype(np.float64)
        height = max(1, START_BLOCK // x.shape[1])
        for top in range(0, len(x), height):
            block = slice(top, top + height)
            products = chosen @ x[block].astype(np.float64).T
            products *= -2
            products += lengths[rows, None]
            products += lengths[block]
            distances[:, block] = products
        return np.maximum(distances, 0, out=distances)

    def rounds(
        self, starts: Mapping[tuple[int, int], Sequence[int]], least_shift: float
    ) -> dict[tuple[int, int], np.ndarray]:
        """Centroids of each (k, seed) after Lloyd's rounds from the given rows, except runs with an empty cluster."""
        ended: dict[tuple[int, int], np.ndarray] = {}
        # the widest first: they share one product
        active = sorted(starts, key=lambda run: -run[0])
        centroids = [self._x[starts[run]] for run in active]
        labels = np.full((len(active), len(self._x)), -1, np.int32)
        for _ in range(ROUNDS):
            if not active:
                return ended
            centroids, states = _round(self._x, centroids, labels, least_shift)
            of_runs = list(zip(active, centroids, states, strict=True))
            ended |= {run: of_run for run, of_run, state in of_runs if state == ENDED}
            stays = [state == GOES_ON for state in states]
            if not all(stays):
                active, centroids = list(compress(active, stays)), list(compress(centroids, stays))
                labels = labels[stays]
        return ended | dict(zip(active, centroids, strict=True))


class _Portion:
    """Runs that share one product with a chunk of n rows of x; other arguments as in `_round`."""

    def __init__(
        self,
        x: np.ndarray,
        n: int,
        centroids: np.ndarray,
        lengths: np.ndarray,
        firsts: np.ndarray,
        first: int,
        last: int,
    ) -> None:
        self.runs = slice(first, last)
        self.columns = slice(firsts[first], firsts[last])
        self.firsts = firsts[first : last + 1] - firsts[first]
        self._lengths = lengths[self.columns]
        self._distances = np.empty((n, len(self._lengths)), np.float32)
        self._product = AddedProduct(-2.0, x, centroids[self.columns], self._distances)

    def distances(self, top: int) -> np.ndarray:
        """(n, K) squared distances of the rows from `top` on, minus the squared lengths of these rows: the order is the same.

        The array is valid until the next call.
        """
        self._distances[:] = self._lengths
        self._product.add_rows(top)
        return self._distances


def _round(
    x: np.ndarray, centroids: list[np.ndarray], labels: np.ndarray, least_shift: float
) -> tuple[list[np.ndarray], list[int]]:
    """One round: updates the labels (R, n) of R runs in place; their new centroids (k, d), and their states."""
    before = np.concatenate(centroids)
    lengths = np.einsum("kd,kd->k", before, before)
    firsts = np.cumsum([0, *map(len, centroids)])
    sums, counts = np.zeros_like(before), np.zeros(len(before), np.int64)
    moved = np.zeros(len(centroids), np.int64)
    # by the number of rows of a chunk: the last may have fewer
    portions: dict[int, list[_Portion]] = {}
    for top in range(0, len(x), CHUNK):
        rows = x[top : top + CHUNK]
        if len(rows) not in portions:
            portions[len(rows)] = [
                _Portion(x, len(rows), before, lengths, firsts, *runs_of)
                for runs_of in _portions(firsts, rows.size)
            ]
        for portion in portions[len(rows)]:
            columns, run_rows = portion.columns, portion.runs
            assign(
                portion.distances(top),
                rows,
                portion.firsts,
                labels,
                run_rows.start,
                top,
                sums[columns],
                counts[columns],
                moved[run_rows],
            )
    shares = (1 / np.maximum(counts, 1)).astype(np.float32)
    after = sums * shares[:, None]
    shifts = after - before
    shifts = np.sqrt(np.einsum("kd,kd->k", shifts, shifts))
    states = []
    for first, end, changes in zip(firsts, firsts[1:], moved, strict=False):
        if (counts[first:end] == 0).any():
            states.append(FAILED)
        elif changes == 0 or (shifts[first:end] ** 2).sum() <= least_shift:
            states.append(ENDED)
        else:
            states.append(GOES_ON)
    return np.split(after, firsts[1:-1]), states


def _portions(firsts: np.ndarray, values: int) -> Iterator[tuple[int, int]]:
    """First and last + 1 of the runs that share one product with `values` values of samples.

    firsts: (R + 1,) first columns of the runs, the widest runs first.
    """
    wide = int((np.diff(firsts) * values > NARROW).sum())
    if wide:
        yield 0, wide
    yield from ((run, run + 1) for run in range(wide, len(firsts) - 1))
