"""The job of a proxy file: every NORMpre, seed and draw of one GEN and k on one task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from imprint import generate, normalize
from imprint.data.tasks import Pool, draw_shots, require_all, select
from imprint.store import ProxySet

Sets = dict[tuple[str, int, int], ProxySet]  # by norm_pre, seed, draw
ANY_K = 1  # what a GEN without a choice of k is called with


def _training_rows(
    train: Pool, spec: Mapping[str, Any], draw: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and labels of one draw's training set; with few shots they depend on the seed."""
    rows, y, classes = select(train, spec["draws"][draw])
    require_all(y, classes, f"task {spec['task']}")
    chosen = draw_shots(y, spec["shots"], seed)
    return rows[chosen], y[chosen]


def make_proxies(
    train: Pool, spec: Mapping[str, Any], clusters: Sets | None = None, threads: int = 1
) -> Sets:
    """All proxy sets of one proxy file: every NORMpre, seed and draw of one GEN and k.

    train: the pooled training split. spec: see `Study.proxies`. clusters: the sets of `kmeans` for the same k, if
    the GEN starts from them. Proxies that are samples are numbered as rows of the pool. What does not depend on
    the seed is made once and is one object under all of them.
    """
    gen, k = spec["gen"], spec["k"] or ANY_K
    by_seed = spec["shots"] != "full"
    sets: Sets = {}
    for norm_pre, seeds in spec["seeds"].items():
        for draw in range(len(spec["draws"])):
            for part in [[s] for s in seeds] if by_seed else [seeds]:
                rows, y = _training_rows(train, spec, draw, part[0])
                x = normalize.apply(norm_pre, train.x[rows])
                given = {(k, s): clusters[norm_pre, s, draw] for s in part} if clusters else None
                made = generate.proxy_sets(
                    x, y, gen, [k], part, ls_lambda=spec.get("ls_lambda"), clusters=given, threads=threads
                )
                numbered: dict[int, ProxySet] = {}
                for seed in part:
                    own = made[k, seed]
                    sets[norm_pre, seed, draw] = numbered.setdefault(id(own), _numbered(own, rows))
    return sets


def _numbered(proxies: ProxySet, rows: np.ndarray) -> ProxySet:
    """Sample numbers within a training set become rows of the pool."""
    if proxies.samples is None:
        return proxies
    return ProxySet(proxies.labels, samples=rows[proxies.samples], seconds=proxies.seconds)
