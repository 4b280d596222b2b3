"""The job that writes a proxy file: every k, NORMpre, seed and draw of one GEN on one task."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, product
from typing import Any

import numpy as np

from imprint.data.pools import Pool, class_names, require_all, training_rows
from imprint.data.shots import ALL_SHOTS, training_seed
from imprint.method.components import components_of_proxies
from imprint.method.configuration import Auto, K, parse_k
from imprint.method.generate.choose_k import choose_k
from imprint.method.generate.proxy_sets import StoredFits, proxy_sets
from imprint.method.large_arrays import take_rows
from imprint.method.normalize import FittedNorms
from imprint.method.proxies import ProxySet, ProxySets, proxy_set_for
from imprint.store.block_cache import Blocks, Work, block_key, digest

Seed = int | None


def make_proxies(
    train: Pool,
    spec: Mapping[str, Any],
    clusters: ProxySets | None = None,
    threads: int = 1,
    blocks: Blocks | None = None,
    code: str = "",
    component_codes: Mapping[str, str] | None = None,
    stored: StoredFits | None = None,
    device: str = "cpu",
) -> tuple[ProxySets, Work]:
    """Generate all proxy sets of one proxy file.

    Parameters
    ----------
    train : Pool
        The training split of the task's datasets.
    spec : mapping
        See `imprint.study.specs.proxies`.
    clusters : dict, optional
        The proxy sets that the GEN starts from, if it needs any.
    threads : int, default=1
        Number of classes handled in parallel.
    blocks : Blocks, optional
        Proxy sets of earlier runs with the same `code`.
    code : str, optional
        Fingerprint of the code that the numbers depend on.
    component_codes : mapping, optional
        Fingerprints of the GEN and the NORMs, see `imprint.study.job_components.codes`.
    stored : StoredFits, optional
        Fits of single classes, shared with other tasks of the study. Ignored for a task with several draws or with few
        shots, whose classes other tasks do not share.
    device : str, default="cpu"
        See `proxy_sets`.

    Returns
    -------
    sets : dict
        Proxy sets by (k, norm_pre, seed, draw); the numbers of samples are rows of the pool.
    work : Work
        How many sets were computed and how many reused.
    """
    blocks = blocks or Blocks()
    data = [train.content, digest(train.y)]
    sets: ProxySets = {}
    work = Work()
    if spec["shots"] != ALL_SHOTS or len(spec["draws"]) > 1:
        stored = None
    norms = dict.fromkeys(norm for norms in spec["seeds"].values() for norm in norms)
    for norm_pre, (draw, merged) in product(norms, enumerate(spec["draws"])):
        runs = [
            _Run(parse_k(k), seed)
            for k, seeds in spec["seeds"].items()
            for seed in seeds.get(norm_pre, ())
        ]
        if clusters:
            for run in runs:
                run.clusters = proxy_set_for(clusters, run.k.label, norm_pre, run.seed, draw)
        settings = [spec["gen"], spec.get("ls_lambda"), norm_pre, merged, spec["shots"]]
        used = components_of_proxies(spec["gen"], [norm_pre])
        settings += [(component_codes or {}).get(name) for name in used]
        for run in runs:
            start = run.clusters
            of_clusters = start and digest(start.labels, start.values, start.samples)
            run.key = block_key(code, data, *settings, run.k.label, run.seed, of_clusters)
            run.block = blocks.get(run.key)
        missing = [run for run in runs if run.block is None]
        work.add(requested=len(runs), computed=len(missing))
        for same_set in _by_training_set(missing, spec["shots"]):
            rows, y, _ = training_rows(train, merged, spec["shots"], same_set[0].seed)
            require_all(y, class_names(train, merged), f"task {spec['task']}")
            x = take_rows(train.x, rows)
            x = FittedNorms(x, y).apply_to_embeddings(norm_pre, x)
            for run, proxies in _generated(
                x, y, spec, same_set, stored, threads=threads, device=device
            ):
                run.block = _packed(proxies, rows)
                blocks.put(run.key, run.block)
        for run in runs:
            assert run.block is not None
            sets[run.k.label, norm_pre, run.seed, draw] = _unpacked(run.block)
    return sets, work


@dataclass
class _Run:
    """One proxy set of a NORMpre and draw: the clusters that it starts from, and the block that stores it."""

    k: K
    seed: Seed
    clusters: ProxySet | None = None
    key: bytes = b""
    block: bytes | None = None


def _by_training_set(runs: list[_Run], shots: str) -> list[list[_Run]]:
    """The runs grouped by training set: with few shots each seed has its own."""
    of_sets: dict[Seed, list[_Run]] = {}
    for run in runs:
        of_sets.setdefault(training_seed(shots, run.seed), []).append(run)
    return list(of_sets.values())


def _generated(
    x: np.ndarray,
    y: np.ndarray,
    spec: Mapping[str, Any],
    runs: list[_Run],
    stored: StoredFits | None,
    **computing: Any,
) -> Iterator[tuple[_Run, ProxySet]]:
    """The proxy set of each run on a training set.

    Runs of one k are neighbours in `runs`. All k that have the same seeds are generated in one call, so that they share their
    work; the choice of k, `auto`, is made for each run. computing: `threads` and `device`.
    """
    gen = spec["gen"]
    of_seeds: dict[tuple[Seed, ...], list[_Run]] = {}
    for k, of_k in groupby(runs, key=lambda run: run.k):
        alike = list(of_k)
        if isinstance(k, Auto):
            for run in alike:
                chosen, seconds = choose_k(x, y, gen, run.seed, **computing)
                sets = proxy_sets(x, y, gen, [chosen], [run.seed], **computing)
                proxies = sets[chosen, run.seed]  # its seconds include the choice
                yield run, replace(proxies, seconds=proxies.seconds + seconds)
        else:
            of_seeds.setdefault(tuple(run.seed for run in alike), []).extend(alike)
    for seeds, alike in of_seeds.items():
        clusters = {(run.k.number, run.seed): run.clusters for run in alike if run.clusters}
        sets = proxy_sets(
            x,
            y,
            gen,
            {run.k.number for run in alike},
            seeds,
            ls_lambda=spec.get("ls_lambda"),
            clusters=clusters or None,
            stored=stored,
            **computing,
        )
        yield from ((run, sets[run.k.number, run.seed]) for run in alike)


def _packed(proxies: ProxySet, rows: np.ndarray) -> bytes:
    """A proxy set as bytes; sample numbers within a training set become rows of the pool."""
    if proxies.samples is not None:
        proxies = replace(proxies, samples=rows[proxies.samples])
    arrays = {name: value for name, value in vars(proxies).items() if value is not None}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _unpacked(block: bytes) -> ProxySet:
    with np.load(io.BytesIO(block), allow_pickle=False) as file:
        arrays: dict[str, Any] = dict(file)
    arrays |= {"seconds": float(arrays["seconds"]), "note": str(arrays["note"])}
    return ProxySet(**arrays)
