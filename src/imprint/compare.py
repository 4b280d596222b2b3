"""Heads compared on one's own embeddings by cross-validation, all folds through the grid engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imprint import normalize
from imprint.errors import UserError
from imprint.evaluate import Candidate, evaluate_each
from imprint.generate import GENERATORS, proxy_sets
from imprint.method import Configuration, Scoring
from imprint.presets import PRESETS

if TYPE_CHECKING:
    import pandas as pd

SEED = 0


def small_grid(
    gens: Sequence[str], ks: Sequence[int], norms: Sequence[str], ms: Sequence[int]
) -> list[Configuration]:
    """The published methods, and each GEN and k with each NORM (all parts alike) under `max` and `mnn` of m euclidean
    neighbours, which vote by 1 / distance."""
    found = [preset.configuration for preset in PRESETS.values()]
    for gen in gens:
        spec = GENERATORS[gen]
        for k in ks if spec.takes_k else [None if gen == "all" else 1]:
            for norm in norms:
                post = "none" if spec.sees_all_classes else norm
                own = (norm, gen, k, post, norm)
                found.append(Configuration(*own, "max", "inner_product"))
                if not spec.sees_all_classes:
                    found += [Configuration(*own, "mnn", "euclidean", "distance", m) for m in ms]
    return list(dict.fromkeys(found))


def compare(
    x: np.ndarray,
    y: np.ndarray,
    configurations: Sequence[Configuration],
    *,
    folds: int = 5,
    seed: int = SEED,
    ls_lambda: float = 1e-4,
    classifier: np.ndarray | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Mean accuracy of each configuration over stratified folds, best first.

    x: (n, D) float32 embeddings; y: (n,) labels 0..C-1, each at least `folds` times. classifier: (C', D) rows of the FM's
    own, for `quantile_fm`. Returns the fields of `Configuration`, then rank, accuracy and its standard deviation over
    folds, proxies (mean number) and seconds (to generate them, mean). Equal accuracies: fewest proxies first.
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

    check_folds(y, folds)
    classes = int(y.max()) + 1
    rows = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y):
        made = list(_generated(x[train], y[train], configurations, seed, ls_lambda, threads))
        candidates = [candidate for candidate, _, _ in made]
        scores = evaluate_each(x[test], y[test], classes, candidates, head=classifier)
        for number, scoring, score in scores:
            candidate, names, seconds = made[number]
            row = {"accuracy": score.accuracy, "proxies": len(candidate.labels), "seconds": seconds}
            rows += [{**own._asdict(), **row} for own in names if Scoring(*own[3:]) == scoring]
    fields = list(Configuration._fields)
    table = pd.DataFrame(rows).astype({"k": "Int64", "m": "Int64"})
    grouped = table.groupby(fields, sort=False, dropna=False)
    found = grouped.agg(
        accuracy=("accuracy", "mean"),
        std=("accuracy", "std"),
        proxies=("proxies", "mean"),
        seconds=("seconds", "mean"),
    ).reset_index()
    found = found.sort_values(
        ["accuracy", "proxies"], ascending=[False, True], kind="stable", ignore_index=True
    )
    found.insert(0, "rank", found["accuracy"].rank(ascending=False, method="min").astype(int))
    return found


def check_folds(y: np.ndarray, folds: int) -> None:
    """A `UserError` unless each label 0..C-1 stands at least `folds` times in y (n,)."""
    counts = np.bincount(y)
    if folds < 2 or counts.min() < folds:
        raise UserError(
            f"{folds} folds need that many samples of each class and at least 2; the smallest class has {counts.min()}"
        )


def _generated(
    x: np.ndarray,
    y: np.ndarray,
    configurations: Sequence[Configuration],
    seed: int,
    ls_lambda: float,
    threads: int,
) -> Iterator[tuple[Candidate, list[Configuration], float]]:
    """Each proxy set once, with the configurations that use it and the seconds it took."""
    for norm_pre in dict.fromkeys(c.norm_pre for c in configurations):
        prepared = normalize.apply(norm_pre, x)
        for gen in dict.fromkeys(c.gen for c in configurations):
            users = [c for c in configurations if (c.norm_pre, c.gen) == (norm_pre, gen)]
            ks = sorted({c.k or 1 for c in users})
            sets = (
                proxy_sets(prepared, y, gen, ks, [seed], ls_lambda=ls_lambda, threads=threads)
                if users
                else {}
            )
            for k in ks:
                own, names = sets[k, seed], [c for c in users if (c.k or 1) == k]
                sampled = own.samples is not None
                values = x[own.samples] if sampled else own.values
                scorings = tuple(dict.fromkeys(Scoring(*c[3:]) for c in names))
                unit = sampled and norm_pre == "l2"
                yield Candidate(values, own.labels, scorings, unit=unit), names, own.seconds
