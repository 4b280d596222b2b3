"""The job of a proxy file: every NORMpre, seed and draw of one GEN and k on one task."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from imprint.data.pools import Pool, require_all, training_rows
from imprint.method.configuration import Auto, Fixed, K, parse_k
from imprint.method.generate.choose_k import choose_k
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.registry import ANY_K
from imprint.method.normalize import FittedNorms
from imprint.method.proxies import ProxySet, ProxySets, proxy_set_for
from imprint.store.blocks import Blocks, Work, block_key, digest

Seed = int | None


def make_proxies(
    train: Pool,
    spec: Mapping[str, Any],
    clusters: ProxySets | None = None,
    threads: int = 1,
    blocks: Blocks | None = None,
    code: str = "",
) -> tuple[ProxySets, Work]:
    """Generate all proxy sets of one proxy file.

    Parameters
    ----------
    train : Pool
        The training split of the task's datasets.
    spec : mapping
        See `imprint.study.specs.proxies`.
    clusters : dict, optional
        The sets for the same k that the GEN starts from, if it does.
    threads : int, default=1
        Classes handled at once.
    blocks : Blocks, optional
        Finished sets of earlier runs of the same `code`.
    code : str, optional
        Fingerprint of what decides the numbers.

    Returns
    -------
    sets : dict
        Proxy sets by (norm_pre, seed, draw); proxies that are samples are numbered as rows of the pool.
    work : Work
        How many sets were computed.
    """
    gen, k = spec["gen"], parse_k(spec["k"])
    blocks = blocks or Blocks()
    data = digest(train.x, train.y)
    few_shot = spec["shots"] != "full"  # another training set for each seed
    sets: ProxySets = {}
    work = Work()
    for norm_pre, seeds in spec["seeds"].items():
        for draw, groups in enumerate(spec["draws"]):
            of_clusters: dict[Seed, ProxySet] = {}
            if clusters:
                of_clusters = {s: proxy_set_for(clusters, norm_pre, s, draw) for s in seeds}
            settings = [
                code,
                data,
                gen,
                k.label,
                spec.get("ls_lambda"),
                norm_pre,
                groups,
                spec["shots"],
            ]
            keys = {s: block_key(*settings, s, _content(of_clusters.get(s))) for s in seeds}
            stored = {s: blocks.get(keys[s]) for s in seeds}
            finished = {s: block for s, block in stored.items() if block is not None}
            missing = [s for s in seeds if s not in finished]
            for seed in seeds:
                work.add(seed in missing)
            runs = [[seed] for seed in missing] if few_shot else [missing]
            for run in filter(None, runs):
                rows, y, classes = training_rows(train, groups, spec["shots"], run[0])
                require_all(y, classes, f"task {spec['task']}")
                x = train.x[rows]
                x = FittedNorms(x, y).of_embeddings(norm_pre, x)
                for seed, proxies in _generated(x, y, k, spec, run, of_clusters, threads):
                    finished[seed] = _packed(proxies, rows)
                    blocks.put(keys[seed], finished[seed])
            for seed in seeds:
                sets[norm_pre, seed, draw] = _unpacked(finished[seed])
    return sets, work


def _generated(
    x: np.ndarray,
    y: np.ndarray,
    k: K,
    spec: Mapping[str, Any],
    seeds: list[Seed],
    clusters: Mapping[Seed, ProxySet],
    threads: int,
) -> Iterator[tuple[Seed, ProxySet]]:
    """The proxy set of each seed. The time to choose k counts to its seconds."""
    gen = spec["gen"]
    if isinstance(k, Auto):
        for seed in seeds:
            chosen, seconds = choose_k(x, y, gen, seed, threads)
            proxies = proxy_sets(x, y, gen, [chosen], [seed], threads=threads)[chosen, seed]
            yield seed, replace(proxies, seconds=proxies.seconds + seconds)
        return
    count = k.k if isinstance(k, Fixed) else ANY_K
    sets = proxy_sets(
        x,
        y,
        gen,
        [count],
        seeds,
        ls_lambda=spec.get("ls_lambda"),
        clusters={(count, seed): clusters[seed] for seed in seeds} if clusters else None,
        threads=threads,
    )
    yield from ((seed, sets[count, seed]) for seed in seeds)


def _content(proxies: ProxySet | None) -> str | None:
    return None if proxies is None else digest(proxies.labels, proxies.values, proxies.samples)


def _packed(proxies: ProxySet, rows: np.ndarray) -> bytes:
    """A set as bytes; sample numbers within a training set become rows of the pool."""
    file = io.BytesIO()
    seconds = np.float64(proxies.seconds)
    arrays: dict[str, Any] = {
        "labels": proxies.labels,
        "seconds": seconds,
        "note": np.array(proxies.note),
    }
    if proxies.samples is not None:
        arrays["samples"] = rows[proxies.samples]
    if proxies.values is not None:
        arrays["values"] = proxies.values
    if proxies.bias is not None:
        arrays["bias"] = proxies.bias
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpacked(block: bytes) -> ProxySet:
    with np.load(io.BytesIO(block), allow_pickle=False) as file:
        return ProxySet(
            file["labels"],
            file.get("values"),
            file.get("samples"),
            seconds=float(file["seconds"]),
            bias=file.get("bias"),
            note=str(file["note"]),
        )
