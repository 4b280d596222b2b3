"""What the jobs of a study will cost, roughly: times from operations counted and the speed of this machine."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import Auto, Every, Fixed, K
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS, Generator
from imprint.store.files import open_hdf5
from imprint.store.paths import proxies_file, scores_file
from imprint.study import specs
from imprint.study.grid import Group, Study

START = 1.5  # seconds that a job takes to start
AUTO = 200  # k that costs what choosing it does: all candidates


@dataclass
class Cost:
    """Jobs of a rule that are to do, their seconds on one core together, the bytes they write, and jobs that are done."""

    jobs: int = 0
    done: int = 0
    seconds: float = 0.0
    size: int = 0


def costs(
    study: Study,
    groups: Iterable[Group],
    counts: Mapping[str, Mapping[str, int]],
    widths: Mapping[str, int | None],
) -> dict[str, Cost]:
    """Cost by rule of generating and scoring proxies for some (fm, task, shots), without what is done.

    Done is what has its file, and a proxy file that no score file to do needs. counts: samples of each dataset and split.
    widths: D of each FM. Right within a factor of two or three.
    """
    rate = operations_per_second()
    proxies, evaluate = Cost(), Cost()
    for group in groups:
        size = _size(study, group, counts)
        d = widths[group.fm] or 0
        aggs = [a for a in study.aggregations(group) if not _exists(scores_file, study, group, a)]
        needed = {gen for agg in aggs for gen in study.gens(group, agg)}
        missing = {gen for gen in needed if not _exists(proxies_file, study, group, gen)}
        cells = {
            configuration: seeds
            for configuration, seeds in study.cells(group).items()
            if configuration.scoring.agg in aggs
        }
        generated: dict[tuple[Generator, K, str], int] = {}
        products: dict[tuple[Generator, K, str, str], int] = {}
        for configuration, seeds in cells.items():
            entry = GENERATORS.find(configuration.gen)
            seeded = entry.seeded or group.shots != "full"
            runs = size.draws * (len(seeds) if seeded else 1)
            distance = DISTANCES.find(configuration.scoring.distance)
            product = "shared" if distance.shares_product else distance.name
            if configuration.gen in missing:
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
        proxies.jobs += len(missing)
        proxies.done += len(study.gens(group)) - len(missing)
        evaluate.jobs += len(aggs)
        evaluate.done += len(study.aggregations(group)) - len(aggs)
        evaluate.size += 40 * size.draws * sum(map(len, cells.values()))
    for cost in (proxies, evaluate):
        cost.seconds += START * cost.jobs
    return {"proxies": proxies, "evaluate": evaluate}


def _exists(file_of: Callable[..., Path], study: Study, group: Group, *names: str) -> bool:
    return file_of(study.root, *group, *names).exists()


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
    known = [_embedded_classes(study, dataset) for dataset in task.datasets]
    originals = sum(count or 0 for count in known) if None not in known else None
    groups = task.draws[0]
    classes = originals or 10
    if groups is not None and originals is not None:
        classes, share = len(groups), sum(map(len, groups)) / originals
        train, test = int(train * share), int(test * share)
    if group.shots != "full":
        train = min(train, classes * int(group.shots))
    return _Size(train, test, classes, len(task.draws))


def _embedded_classes(study: Study, dataset: str) -> int | None:
    """How many classes of a dataset are embedded; None if that is not known."""
    classes = specs.subset(study, dataset).get("classes")
    return study.config.datasets[dataset].class_count if classes is None else len(classes)


def shape_of_given(path: str | Path, split: str) -> tuple[int, int]:
    """Number and width of the embeddings in a user's file, without reading them.

    Raises
    ------
    UserError
        If they are not there.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist")
    try:
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive, archive.open("embeddings.npy") as array:
                version = np.lib.format.read_magic(array)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape = read(array)[0]
        else:
            with open_hdf5(path) as file:
                shape = file.get(split, file)["embeddings"].shape
        count, width = shape
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} has no 'embeddings' (N, D) that can be read ({error})") from error
    return count, width


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
