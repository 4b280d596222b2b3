"""The job of a proxy file: every NORMpre, seed and draw of one GEN and k on one task."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from imprint import normalize
from imprint.data.tasks import Pool, draw_shots, require_all, select
from imprint.generate import ANY_K, GENERATORS, proxy_sets
from imprint.generate.auto import choose_k
from imprint.kept import Kept, Work, digest, key
from imprint.store import ProxySet, ProxySets, proxies_of


def _training_rows(
    train: Pool, spec: Mapping[str, Any], draw: int, seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and labels of one draw's training set; with few shots they depend on the seed."""
    rows, y, classes = select(train, spec["draws"][draw])
    require_all(y, classes, f"task {spec['task']}")
    chosen = draw_shots(y, spec["shots"], seed)
    return rows[chosen], y[chosen]


def make_proxies(
    train: Pool,
    spec: Mapping[str, Any],
    clusters: ProxySets | None = None,
    threads: int = 1,
    kept: Kept | None = None,
    code: str = "",
) -> tuple[ProxySets, Work]:
    """All proxy sets of one proxy file: every NORMpre, seed and draw of one GEN and k.

    train: the pooled training split. spec: see `Study.proxies`. clusters: the sets of `kmeans` for the same k, if
    the GEN starts from them. Proxies that are samples are numbered as rows of the pool. kept: blocks of earlier runs,
    one a set, of the same `code`.
    """
    gen, k = spec["gen"], spec["k"]
    kept = kept or Kept()
    data = digest(train.x, train.y)
    by_seed = spec["shots"] != "full"  # another training set for each
    sets: ProxySets = {}
    work = Work()
    for norm_pre, seeds in spec["seeds"].items():
        for draw, groups in enumerate(spec["draws"]):
            given = {s: proxies_of(clusters, norm_pre, s, draw) for s in seeds} if clusters else {}
            names = {
                s: key(code, data, gen, k, spec.get("ls_lambda"), norm_pre, groups, spec["shots"], s, _name(given.get(s)))
                for s in seeds
            }  # fmt: skip
            found = {s: kept.get(names[s]) for s in seeds}
            missing = [s for s in seeds if found[s] is None]
            for seed in seeds:
                work.add(seed in missing)
            for part in [[s] for s in missing] if by_seed else [missing] if missing else []:
                rows, y = _training_rows(train, spec, draw, part[0])
                x = normalize.apply(norm_pre, train.x[rows])
                for seed, made in _generated(x, y, spec, part, given, threads):
                    found[seed] = _packed(made, rows)
                    kept.put(names[seed], found[seed])
            sets |= {(norm_pre, seed, draw): _unpacked(block) for seed, block in found.items()}
    return sets, work


def _generated(
    x: np.ndarray,
    y: np.ndarray,
    spec: Mapping[str, Any],
    seeds: list[int | None],
    clusters: Mapping[int | None, ProxySet],
    threads: int,
) -> Iterator[tuple[int | None, ProxySet]]:
    """The proxy set of each seed. A k that is not given is chosen for each, which counts to its seconds."""
    gen, k = spec["gen"], spec["k"]
    if k is None and GENERATORS[gen].takes_k:
        for seed in seeds:
            k, seconds = choose_k(x, y, gen, seed, threads)
            made = proxy_sets(x, y, gen, [k], [seed], threads=threads)[k, seed]
            yield seed, replace(made, seconds=made.seconds + seconds)
        return
    k = k or ANY_K
    made = proxy_sets(
        x, y, gen, [k], seeds,
        ls_lambda=spec.get("ls_lambda"),
        clusters={(k, seed): clusters[seed] for seed in seeds} if clusters else None,
        threads=threads,
    )  # fmt: skip
    yield from ((seed, made[k, seed]) for seed in seeds)


def _name(proxies: ProxySet | None) -> str | None:
    return None if proxies is None else digest(proxies.labels, proxies.values, proxies.samples)


def _packed(proxies: ProxySet, rows: np.ndarray) -> bytes:
    """A set as bytes; sample numbers within a training set become rows of the pool."""
    file = io.BytesIO()
    values = {"values": proxies.values} if proxies.samples is None else {"samples": rows[proxies.samples]}
    np.savez(file, labels=proxies.labels, seconds=np.float64(proxies.seconds), **values)
    return file.getvalue()


def _unpacked(block: bytes) -> ProxySet:
    with np.load(io.BytesIO(block), allow_pickle=False) as file:
        return ProxySet(
            file["labels"], file.get("values"), file.get("samples"), seconds=float(file["seconds"])
        )
