"""GEN: how the proxies of a class are generated from its training embeddings.

A generator is one registered function. Most see one class at a time, `f(x, k, random, shared)`: x (n, d) float32
are the embeddings of the class after NORMpre, `random` its source of randomness, `shared` what `prepare(x)` gave
(None without a `prepare`). They return (p, d) proxies, or, if registered with `samples=True`, the (p,) row
numbers of the samples that become proxies. p = min(k, n).
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.store import ProxySet


@dataclass(frozen=True)
class Random:
    """Randomness of one class in one run: the `seed` of the run and an own stream of numbers for the class."""

    seed: int
    label: int

    def generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.label])


@dataclass(frozen=True)
class Generator:
    """A registered GEN.

    takes_k: whether k is a choice (`mean`, `ls`: one proxy a class; `all`: every sample).
    seeded: whether the result depends on the seed. samples: proxies are training samples, given by row number.
    prefix: the first k proxies of a larger k are the proxies for k, so that one run serves all k.
    prepare: what all k and seeds of a class share. clusters: the GEN whose clusters this one starts from.
    requires: an optional package that it needs. loads: a module that it imports when it is first called and that has
    threads of its own; they can be limited only once it is there. file: the user's file that registered it.
    """

    name: str
    make: Callable[..., np.ndarray]
    takes_k: bool = True
    seeded: bool = False
    samples: bool = False
    prefix: bool = False
    prepare: Callable[[np.ndarray], Any] | None = None
    sees_all_classes: bool = False
    clusters: str | None = None
    requires: str | None = None
    loads: str | None = None
    file: str | None = None


GENERATORS: dict[str, Generator] = {}
ANY_K = 1  # what a GEN without a choice of k is called with


def missing(gen: str, package: str) -> str:
    """What to say where a GEN's optional package is not installed."""
    return f"GEN {gen} needs the package '{package}', which is not installed; run: pip install {package}"


def generator(
    name: str, **properties: Any
) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    """Register a function as the GEN `name`; `properties` are the fields of `Generator`."""

    def register(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        if not name.isidentifier():
            raise UserError(f"GEN '{name}': a name has letters, digits and underscores alone")
        if name in GENERATORS and GENERATORS[name].make.__module__ != function.__module__:
            raise UserError(f"there is a GEN '{name}' already; choose another name")
        GENERATORS[name] = Generator(name, function, **properties)
        return function

    return register


def load_file(path: str | Path) -> None:
    """Register the GENs of a Python file of the user's, once. All that is wrong with it is a `UserError`."""
    place = Path(path).resolve()
    if any(spec.file == str(place) for spec in GENERATORS.values()):
        return
    if not place.is_file():
        raise UserError(f"{path} does not exist; it would be a Python file that registers a GEN")
    before = set(GENERATORS)
    spec = importlib.util.spec_from_file_location(f"imprint_generators_{place.stem}", place)
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:
        for name in set(GENERATORS) - before:
            del GENERATORS[name]
        raise UserError(f"{path} cannot be loaded ({type(error).__name__}: {error})") from error
    added = set(GENERATORS) - before
    if not added:
        raise UserError(
            f"{path} registers no GEN; put @generator('name') from imprint.generate above a function"
        )
    for name in added:
        GENERATORS[name] = replace(GENERATORS[name], file=str(place))


def load_library_of(gen: str) -> None:
    """Import what a GEN would import when it is first called."""
    if GENERATORS[gen].loads:
        importlib.import_module(GENERATORS[gen].loads)


def proxy_sets(
    x: np.ndarray,
    y: np.ndarray,
    gen: str,
    ks: Iterable[int],
    seeds: Iterable[int],
    *,
    ls_lambda: float | None = None,
    clusters: dict[tuple[int, int], ProxySet] | None = None,
    threads: int = 1,
    first: int = 0,
) -> dict[tuple[int, int], ProxySet]:
    """Proxy sets of all classes for every k and seed, by (k, seed).

    x: (n, d) float32 training embeddings after NORMpre; y: (n,) labels 0..C-1, each class at least once.
    ls_lambda: the ridge of `ls` and `kls`. clusters: for `kls`, proxy sets of `kmeans` by (k, seed) that were
    computed before; without them they are computed here. A GEN that ignores the seed is run once, and its
    result is one object under all seeds. `seconds` is the time that one set takes; shared work is counted in full.
    threads: classes handled at once, each on one core, so that the result does not depend on it where the caller, too,
    keeps numerical libraries to one core; with 1 they take what they may, which can change the last digit.
    first: what number class 0 has where these classes join others, which its randomness depends on.
    """
    spec = GENERATORS[gen]
    ks, seeds = sorted(set(ks)), list(dict.fromkeys(seeds))
    members = _members(x, y)
    if spec.sees_all_classes:
        return _from_all_classes(spec, x, y, ks, seeds, ls_lambda, clusters, threads)
    run_seeds = seeds if spec.seeded else seeds[:1]
    run_ks = ks[-1:] if spec.prefix else ks
    runs = [(k, seed) for k in run_ks for seed in run_seeds]

    def of_class(label: int) -> dict[tuple[int, int], tuple[np.ndarray, float]]:
        return _of_class(spec, x, members[label], first + label, runs)

    load_library_of(gen)  # before any clock runs
    if threads > 1:
        by_class = _in_threads(of_class, len(members), threads)
    else:
        by_class = [of_class(label) for label in range(len(members))]
    sets = {}
    for k in ks:
        for seed in seeds:
            source = (run_ks[-1] if spec.prefix else k, seed if spec.seeded else run_seeds[0])
            if (k, source[1]) in sets:
                sets[k, seed] = sets[k, source[1]]
                continue
            made = [results[source][0][: k if spec.prefix else None] for results in by_class]
            labels = np.repeat(np.arange(len(made)), [len(part) for part in made])
            stacked = np.concatenate(made)
            sets[k, seed] = ProxySet(
                labels,
                values=None if spec.samples else stacked.astype(np.float32, copy=False),
                samples=stacked if spec.samples else None,
                seconds=sum(results[source][1] for results in by_class),
            )
    return sets


def _of_class(
    spec: Generator, x: np.ndarray, rows: np.ndarray, label: int, runs: list[tuple[int, int]]
) -> dict[tuple[int, int], tuple[np.ndarray, float]]:
    """Proxies of one class, or the rows that become them, with the seconds they took, for each (k, seed)."""
    own = x[rows]
    start = time.perf_counter()
    shared = spec.prepare(own) if spec.prepare else None
    preparation = time.perf_counter() - start
    made = {}
    for k, seed in runs:
        start = time.perf_counter()
        result = spec.make(own, min(k, len(own)), Random(seed, label), shared)
        seconds = preparation + time.perf_counter() - start
        if spec.file:
            _check(spec, result, own)
        made[k, seed] = rows[result] if spec.samples else result, seconds
    return made


def _check(spec: Generator, made: Any, x: np.ndarray) -> None:
    """A `UserError` where a GEN of the user's gives no proxies of a class with samples x (n, d)."""
    made = np.asarray(made)
    n, d = x.shape
    if spec.samples:
        right = made.ndim == 1 and made.dtype.kind in "iu" and 0 < len(made) <= n
        right = right and made.min() >= 0 and made.max() < n
        wanted = f"1 to {n} row numbers below {n}"
    else:
        right = made.ndim == 2 and made.shape[1] == d and len(made) > 0 and np.isfinite(made).all()
        wanted = f"finite proxies of shape (p, {d})"
    if not right:
        found = (
            "NaN or infinity in" if made.dtype.kind == "f" and not np.isfinite(made).all() else "an array of"
        )
        raise UserError(
            f"GEN '{spec.name}' of {spec.file} returned {found} shape {made.shape}, {made.dtype}, for a class of {n} samples; "
            f"it must return {wanted}"
        )


def _in_threads(function: Callable[[int], Any], count: int, threads: int) -> list[Any]:
    """`function` of 0..count-1 by so many threads, in each of which numerical libraries keep to one core.

    What threads BLAS uses is a matter of the process, and is set for as long as the pool lives: were it set in each
    call, the end of one would lift the limit of the others. OpenMP has a setting for each thread.
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
    spec: Generator,
    x: np.ndarray,
    y: np.ndarray,
    ks: list[int],
    seeds: list[int],
    ls_lambda: float | None,
    clusters: dict[tuple[int, int], ProxySet] | None,
    threads: int,
) -> dict[tuple[int, int], ProxySet]:
    if ls_lambda is None:
        raise UserError(f"GEN '{spec.name}' needs the FM's ls_lambda (the weight decay of its pre-training)")
    start = time.perf_counter()
    shared = spec.prepare(x, ls_lambda)
    preparation = time.perf_counter() - start
    if spec.clusters and clusters is None:
        clusters = proxy_sets(x, y, spec.clusters, ks, seeds, threads=threads)
    sets: dict[tuple[int, int], ProxySet] = {}
    for k in ks:
        for seed in seeds:
            if not spec.seeded and seed != seeds[0]:
                sets[k, seed] = sets[k, seeds[0]]
                continue
            start = time.perf_counter()
            given = clusters[k, seed] if spec.clusters else None
            values, labels = spec.make(x, y, shared, given)
            seconds = preparation + time.perf_counter() - start + (given.seconds if given else 0.0)
            sets[k, seed] = ProxySet(labels, values=values.astype(np.float32, copy=False), seconds=seconds)
    return sets


# the registered generators, one module per idea
from imprint.generate import centers, least_squares, samples  # noqa: E402, F401
