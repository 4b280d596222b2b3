"""What the jobs of a study will cost, roughly: times from operations counted and the speed of this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from imprint.method.configuration import Auto, Every, Fixed, K
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS, Generator
from imprint.study.grid import Group, Study

START = 1.5  # seconds that a job takes to start
AUTO = 200  # k that costs what choosing it does: all candidates


@dataclass
class Cost:
    """Jobs of a rule, their seconds on one core together, and the bytes they write."""

    jobs: int = 0
    seconds: float = 0.0
    size: int = 0


def costs(
    study: Study,
    groups: Iterable[Group],
    counts: Mapping[str, Mapping[str, int]],
    widths: Mapping[str, int | None],
) -> dict[str, Cost]:
    """Cost by rule of generating and scoring proxies for some (fm, task, shots).

    counts: samples of each dataset and split. widths: D of each FM. Right within a factor of two or three.
    """
    rate = operations_per_second()
    proxies, evaluate = Cost(), Cost()
    for group in groups:
        size = _size(study, group, counts)
        d = widths[group.fm] or 0
        cells = study.cells(group)
        generated: dict[tuple[Generator, K, str], int] = {}
        products: dict[tuple[Generator, K, str, str], int] = {}
        for configuration, seeds in cells.items():
            entry = GENERATORS.find(configuration.gen)
            seeded = entry.seeded or group.shots != "full"
            runs = size.draws * (len(seeds) if seeded else 1)
            distance = DISTANCES.find(configuration.scoring.distance)
            product = "shared" if distance.shares_product else distance.name
            generated[entry, configuration.k, configuration.norm_pre] = runs
            products[entry, configuration.k, configuration.norm_pre, product] = runs
        for (entry, k, _), runs in generated.items():
            count = _proxies(k, size)
            operations = entry.operations(size.train, _number(k), size.classes, d)
            proxies.seconds += runs * operations / rate
            # once in the file, once among the blocks
            proxies.size += 2 * runs * count * (8 if entry.samples else 4 * d + 8)
        for (_, k, _, _), runs in products.items():
            # picking the nearest doubles the product
            evaluate.seconds += runs * 2 * 2.0 * size.test * _proxies(k, size) * d / rate
        proxies.jobs += len(study.gens(group))
        evaluate.jobs += len(study.aggregations(group))
        evaluate.size += 40 * size.draws * sum(map(len, cells.values()))
    for cost in (proxies, evaluate):
        cost.seconds += START * cost.jobs
    return {"proxies": proxies, "evaluate": evaluate}


def _number(k: K) -> int:
    if isinstance(k, Fixed):
        return k.k
    return AUTO if isinstance(k, Auto) else 1


def _proxies(k: K, size: _Size) -> int:
    """Proxies of all classes together."""
    return size.train if isinstance(k, Every) else min(_number(k) * size.classes, size.train)


@dataclass(frozen=True)
class _Size:
    """Training and test samples and classes of one draw of a task, and the number of draws."""

    train: int
    test: int
    classes: int
    draws: int


def _size(study: Study, group: Group, counts: Mapping[str, Mapping[str, int]]) -> _Size:
    task = study.tasks[group.task]
    train, test = (
        sum(counts[dataset][split] for dataset in task.datasets) for split in ("train", "test")
    )
    known = [study.config.datasets[dataset].class_count for dataset in task.datasets]
    originals = sum(count or 0 for count in known) if None not in known else None
    groups = task.draws[0]
    classes = originals or 10
    if groups is not None and originals is not None:
        classes, share = len(groups), sum(map(len, groups)) / originals
        train, test = int(train * share), int(test * share)
    if group.shots != "full":
        train = min(train, classes * int(group.shots))
    return _Size(train, test, classes, len(task.draws))


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
