"""What the jobs of a study will cost, roughly: times from operations counted and the speed of this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from imprint.config import Study
from imprint.generate import GENERATORS

START = 1.5  # seconds that a job takes to start
AUTO = 200  # k that costs what choosing it does: all candidates
ITERATIONS = 30  # of k-means until it stops, typically


@dataclass
class Cost:
    """Jobs of a rule, their seconds on one core together, and the bytes they write."""

    jobs: int = 0
    seconds: float = 0.0
    size: int = 0


def costs(
    study: Study,
    groups: Iterable[tuple[str, str, str]],
    counts: Mapping[str, Mapping[str, int]],
    widths: Mapping[str, int | None],
) -> dict[str, Cost]:
    """Cost by rule of generating and scoring proxies for some (fm, task, shots).

    counts: samples of each dataset and split. widths: D of each FM. Right within a factor of two or three.
    """
    rate = operations_per_second()
    found = {"proxies": Cost(), "evaluate": Cost()}
    for group in groups:
        fm, task, shots = group
        n_train, n_test, classes, draws = _samples(study, task, shots, counts)
        d = widths[fm]
        cells = study.cells(group)
        made: dict[tuple[str, int | None, str], int] = {}
        searched: dict[tuple[str, int | None, str, str], int] = {}
        for configuration, seeds in cells.items():
            if configuration.k is None and GENERATORS[configuration.gen].takes_k:
                configuration = configuration._replace(k=AUTO)
            runs = draws * (len(seeds) if GENERATORS[configuration.gen].seeded or shots != "full" else 1)
            made[configuration.gen, configuration.k, configuration.norm_pre] = runs
            # all distances that come from a product share it; the other two have one of their own
            own = (
                configuration.distance
                if configuration.distance in ("manhattan", "mahalanobis")
                else "product"
            )
            searched[configuration.gen, configuration.k, configuration.norm_pre, own] = runs
        for (gen, k, _), runs in made.items():
            proxies = n_train if k is None else min(k * classes, n_train)
            found["proxies"].seconds += runs * _generation(gen, k, n_train, classes, d) / rate
            # once in the file, once among the blocks that are kept
            found["proxies"].size += 2 * runs * proxies * (8 if GENERATORS[gen].samples else 4 * d + 8)
        for (_, k, _, _), runs in searched.items():
            proxies = n_train if k is None else min(k * classes, n_train)
            found["evaluate"].seconds += (
                runs * 2 * 2.0 * n_test * proxies * d / rate
            )  # picking doubles the product
        found["proxies"].jobs += len(study.generations(group))
        found["evaluate"].jobs += len(study.aggregations(group))
        found["evaluate"].size += 40 * draws * sum(map(len, cells.values()))
    for cost in found.values():
        cost.seconds += START * cost.jobs
    return found


def _samples(
    study: Study, task_name: str, shots: str, counts: Mapping[str, Mapping[str, int]]
) -> tuple[int, int, int, int]:
    """Training and test samples and classes of one draw of a task, and the number of draws."""
    task = study.tasks[task_name]
    totals = [sum(counts[dataset][split] for dataset in task.datasets) for split in ("train", "test")]
    originals = [study.config.datasets[dataset].class_count for dataset in task.datasets]
    groups = task.draws[0]
    if groups is None or None in originals:
        classes, share = (sum(originals) if None not in originals else 10), 1.0
    else:
        classes, share = len(groups), sum(map(len, groups)) / sum(originals)
    train, test = (int(total * share) for total in totals)
    return (train if shots == "full" else min(train, classes * int(shots))), test, classes, len(task.draws)


def _generation(gen: str, k: int | None, n: int, classes: int, d: int) -> float:
    """Operations of one run of a GEN on all classes."""
    if gen in ("kmeans", "kls"):
        return (
            2.0 * ITERATIONS * n * (k or 1) * d * 4
        )  # the bookkeeping of k-means is slower than its products
    if gen in ("kmedoids", "pam"):
        return 2.0 * n * n / classes * d * 3
    if GENERATORS[gen].sees_all_classes:
        return 2.0 * n * d * d * 4  # in float64
    return 2.0 * n * d * (k or 1)


def operations_per_second() -> float:
    """Speed of a float32 matrix product on one core, measured."""
    from threadpoolctl import threadpool_limits

    x = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    with threadpool_limits(limits=1):
        x @ x
        start = time.perf_counter()
        for _ in range(4):
            x @ x
        return 4 * 2.0 * 1024**3 / (time.perf_counter() - start)
