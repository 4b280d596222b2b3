"""Proxy sets of all classes of a task, by one GEN, for several k and seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from imprint.errors import UserError
from imprint.method.generate.registry import (
    GENERATORS,
    AllClasses,
    Generated,
    Generator,
    Random,
    load_library_of,
)
from imprint.method.large_arrays import LARGE
from imprint.method.proxies import ProxySet

T = TypeVar("T")
MANY_VALUES = 2**21  # of embeddings, from which threads save more than they cost
Seed = int | None  # None where it changes nothing
Run = tuple[int, Seed]  # k and seed
# of one class: proxies, or the numbers of the samples that become them, and seconds
Fits = dict[Run, tuple[np.ndarray, float]]


class StoredFits(Protocol):
    """Fits of classes that tasks share."""

    def key(self, x: np.ndarray) -> str:
        """What names the fits of a class with samples x (n, d)."""

    def read(self, key: str) -> Fits:
        """The fits that are there."""

    def write(self, key: str, fits: Fits) -> None:
        """Store more of them."""


def proxy_sets(
    x: np.ndarray,
    y: np.ndarray,
    gen: str,
    ks: Iterable[int],
    seeds: Iterable[Seed],
    *,
    ls_lambda: float | None = None,
    clusters: Mapping[tuple[int, Seed], ProxySet] | None = None,
    threads: int | None = 1,
    first: int = 0,
    stored: StoredFits | None = None,
    device: str = "cpu",
) -> dict[tuple[int, Seed], ProxySet]:
    """Generate the proxies of all classes for every k and seed.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Training embeddings after NORMpre, float32.
    y : ndarray of shape (n,)
        Labels 0..C-1, each class at least once.
    gen : str
        Name of the GEN.
    ks, seeds : iterables of int
        Numbers of proxies per class, and seeds.
    ls_lambda : float, optional
        The ridge of the GENs that need one.
    clusters : mapping, optional
        Proxy sets by (k, seed) that a GEN such as `kls` starts from; computed here without them.
    threads : int or None, default=1
        Classes handled at once, each on one core, so that the result does not depend on it where the
        caller keeps numerical libraries to one core too. With 1 they take what they may, which can change
        the last digit. None: as many as numerical libraries may use cores, where there are enough samples.
    first : int, default=0
        The number of class 0 where these classes join others; the randomness of a class depends on it.
    stored : StoredFits, optional
        Where a GEN that `shares_fits` looks for those of each class, and stores what it makes.
    device : str, default="cpu"
        "cpu", or a device of torch on which a GEN computes that can (`on_device`), one class after the other. Its centroids
        differ in the last digits of float32, and where a sample is as near to one as to another.

    Returns
    -------
    dict
        Proxy sets by (k, seed). A GEN that ignores the seed runs once, and all seeds share the object.
        `seconds` is the time of one set, shared work counted in full; of sets that a GEN makes at once, a share of their
        time in proportion to k.

    Raises
    ------
    UserError
        If a class has no sample, a ridge is missing, or a user's GEN returns no proxies.

    Examples
    --------
    >>> x = np.array([[0.0, 1], [0, 3], [5, 5]], dtype=np.float32)
    >>> proxy_sets(x, np.array([0, 0, 1]), "mean", [1], [0])[1, 0].values
    array([[0., 2.],
           [5., 5.]], dtype=float32)
    """
    entry = GENERATORS.find(gen)
    ks, seeds = sorted(set(ks)), list(dict.fromkeys(seeds))
    members = _members(x, y)
    if threads is None:
        threads = _cores() if x.size >= MANY_VALUES else 1
    if entry.on_device and device != "cpu":
        threads = 1
    if entry.sees_all_classes:
        return _from_all_classes(entry, x, y, ks, seeds, ls_lambda, clusters, threads, device)
    run_seeds = seeds if entry.seeded else seeds[:1]
    runs = [(k, seed) for k in ks for seed in run_seeds]

    def of_class(label: int) -> Fits:
        rows = members[label]
        fits = _shared_fits(entry, x[rows], first + label, runs, stored, device)
        if not entry.samples:
            return fits
        return {run: (rows[samples], seconds) for run, (samples, seconds) in fits.items()}

    load_library_of(gen)  # before any clock runs
    if threads > 1:
        by_class = _in_threads(of_class, len(members), _workers(threads, members, x))
    else:
        by_class = [of_class(label) for label in range(len(members))]
    sets: dict[tuple[int, Seed], ProxySet] = {}
    for k in ks:
        for seed in seeds:
            run = k, seed if entry.seeded else run_seeds[0]
            if run in sets:
                sets[k, seed] = sets[run]
                continue
            proxies = [results[run][0] for results in by_class]
            labels = np.repeat(np.arange(len(proxies)), [len(of_one) for of_one in proxies])
            stacked = np.concatenate(proxies)
            sets[k, seed] = ProxySet(
                labels,
                values=None if entry.samples else stacked.astype(np.float32, copy=False),
                samples=stacked if entry.samples else None,
                seconds=sum(results[run][1] for results in by_class),
            )
    return sets


def _shared_fits(
    entry: Generator,
    x: np.ndarray,
    label: int,
    runs: list[Run],
    stored: StoredFits | None,
    device: str,
) -> Fits:
    """The fits of one class with samples x (n, d): those that are stored, and all others."""
    if stored is None or not entry.shares_fits:
        return _fits(entry, x, label, runs, device)
    key = stored.key(x)
    there = stored.read(key)
    missing = [run for run in runs if run not in there]
    if not missing:
        return there
    fits = _fits(entry, x, label, missing, device)
    stored.write(key, fits)
    return there | fits


def _fits(
    entry: Generator, of_class: np.ndarray, label: int, runs: Sequence[Run], device: str
) -> Fits:
    """Proxies of one class, or the numbers of the samples that become them, with the seconds they took."""
    start = time.perf_counter()
    asked = [(min(k, len(of_class)), Random(seed or 0, label)) for k, seed in runs]
    if entry.at_once:
        where = (device,) if entry.on_device else ()
        proxy_sets = entry.at_once(of_class, asked, *where)
        seconds = (time.perf_counter() - start) / sum(k for k, _ in asked)
        times = [seconds * k for k, _ in asked]
    else:
        shared = entry.prepare(of_class) if entry.prepare else None
        preparation = time.perf_counter() - start
        proxy_sets, times = [], []
        for k, random in asked:
            start = time.perf_counter()
            proxy_sets.append(entry.make(of_class, k, random, shared))
            times.append(preparation + time.perf_counter() - start)
    if entry.file:
        if len(proxy_sets) != len(runs):
            raise UserError(
                f"GEN '{entry.name}' of {entry.file} returned {len(proxy_sets)} results at once; it must return one for each of "
                f"{len(runs)} k and seeds"
            )
        proxy_sets = [_checked(entry, proxies, of_class) for proxies in proxy_sets]
    return dict(zip(runs, zip(proxy_sets, times, strict=True), strict=True))


def _checked(entry: Generator, proxies: Any, x: np.ndarray) -> np.ndarray:
    """What a GEN of the user's returned for samples x (n, d); a `UserError` if they are no proxies."""
    proxies = np.asarray(proxies)
    n, d = x.shape
    finite = proxies.dtype.kind != "f" or bool(np.isfinite(proxies).all())
    if entry.samples:
        right = proxies.ndim == 1 and proxies.dtype.kind in "iu" and 0 < len(proxies) <= n
        right = right and proxies.min() >= 0 and proxies.max() < n
        expected = f"1 to {n} row numbers below {n}"
    else:
        right = proxies.ndim == 2 and proxies.shape[1] == d and len(proxies) > 0 and finite
        expected = f"finite proxies of shape (p, {d})"
    if not right:
        returned = "an array of" if finite else "NaN or infinity in"
        raise UserError(
            f"GEN '{entry.name}' of {entry.file} returned {returned} shape {proxies.shape}, {proxies.dtype}, "
            f"for {n} samples; it must return {expected}"
        )
    return proxies


def _cores() -> int:
    """How many the numerical libraries may use."""
    from threadpoolctl import threadpool_info

    return max((int(library["num_threads"]) for library in threadpool_info()), default=1)


def _workers(threads: int, members: list[np.ndarray], x: np.ndarray) -> int:
    """How many classes of so many threads fit in memory together, of which each thread copies one."""
    largest = max(map(len, members)) * x.shape[1] * x.itemsize
    return max(1, min(threads, LARGE // max(1, largest)))


def _in_threads(function: Callable[[int], T], count: int, threads: int) -> list[T]:
    """`function` of 0..count-1 by so many threads, in each of which numerical libraries keep to one core.

    The number of BLAS threads belongs to the process and is set for as long as the pool lives: were it set in
    each call, the end of one would lift the limit of the others. OpenMP has a setting for each thread.
    """
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(limits=1),
        ThreadPoolExecutor(threads, initializer=threadpool_limits, initargs=(1, "openmp")) as pool,
    ):
        return list(pool.map(function, range(count)))


def _members(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each class 0..C-1, in row order."""
    if len(x) == 0:
        raise UserError("there are no training samples to generate proxies from")
    counts = np.bincount(y)
    if (counts == 0).any():
        raise UserError(f"class {np.flatnonzero(counts == 0)[0]} has no training sample")
    return np.split(np.argsort(y, kind="stable"), np.cumsum(counts)[:-1])


def _from_all_classes(
    entry: Generator,
    x: np.ndarray,
    y: np.ndarray,
    ks: list[int],
    seeds: list[Seed],
    ls_lambda: float | None,
    clusters: Mapping[tuple[int, Seed], ProxySet] | None,
    threads: int,
    device: str,
) -> dict[tuple[int, Seed], ProxySet]:
    ridge = []
    if entry.needs_ridge:
        if ls_lambda is None:
            raise UserError(
                f"GEN '{entry.name}' needs the FM's ls_lambda (in the paper, the weight decay of its pre-training)"
            )
        ridge = [ls_lambda]
    load_library_of(entry.name)
    start = time.perf_counter()
    shared = entry.prepare(x, *ridge) if entry.prepare else None
    preparation = time.perf_counter() - start
    if entry.clusters and clusters is None:
        clusters = proxy_sets(x, y, entry.clusters, ks, seeds, threads=threads, device=device)
    sets: dict[tuple[int, Seed], ProxySet] = {}
    for k in ks:
        for seed in seeds:
            alike = (k if entry.takes_k else ks[0], seed if entry.seeded else seeds[0])
            if alike in sets:
                sets[k, seed] = sets[alike]
                continue
            start = time.perf_counter()
            of_clusters = clusters[k, seed] if clusters and entry.clusters else None
            run = AllClasses(k, seed or 0, shared, of_clusters, threads)
            values, labels, bias, note = Generated(*entry.make(x, y, run))
            seconds = preparation + time.perf_counter() - start
            seconds += of_clusters.seconds if of_clusters else 0.0
            if entry.file:
                values, labels = _checked(entry, values, x), np.asarray(labels)
                _check_labels(entry, values, labels, y)
                _check_bias(entry, bias, labels)
            sets[k, seed] = ProxySet(
                labels,
                values=None if entry.samples else values.astype(np.float32, copy=False),
                samples=values if entry.samples else None,
                seconds=seconds,
                bias=None if bias is None else np.asarray(bias, np.float32),
                note=note,
            )
    return sets


def _check_bias(entry: Generator, bias: object, labels: np.ndarray) -> None:
    """A `UserError` unless a GEN that is registered with a bias, and no other, returned one for each proxy."""
    shape = None if bias is None else np.shape(np.asarray(bias))
    if shape != (labels.shape if entry.has_bias else None):
        returned = "no bias" if shape is None else f"a bias of shape {shape}"
        raise UserError(
            f"GEN '{entry.name}' of {entry.file} returned {returned} for {len(labels)} proxies; "
            "a number for each with has_bias=True, none without it"
        )


def _check_labels(entry: Generator, values: np.ndarray, labels: np.ndarray, y: np.ndarray) -> None:
    """A `UserError` unless proxies have ascending labels, and each class has one."""
    right = labels.shape == (len(values),) and labels.dtype.kind in "iu"
    right = right and bool((np.diff(labels) >= 0).all())
    if not right or not np.array_equal(np.unique(labels), np.arange(y.max() + 1)):
        raise UserError(
            f"GEN '{entry.name}' of {entry.file} returned labels of shape {labels.shape}, {labels.dtype}, for "
            f"{len(values)} proxies; each proxy needs its class, ascending from 0 to {y.max()}, each class at least once"
        )
