"""Rough costs of the jobs of a study: times from numbers of operations and the speed of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.registry import SPLITS
from imprint.method import costs as operations
from imprint.method.configuration import Auto, Configuration, Every, K, parse_k
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.normalize import chain
from imprint.store.paths import collapse_file, proxies_file, scores_file
from imprint.study import specs
from imprint.study.grid import Group, Study
from imprint.study.job_log import START
from imprint.study.tasks import total

START_EMBEDDING = 4.0  # processor seconds of a job that embeds until its first image: it imports torch and loads the FM
SET = 4e-3  # seconds at least to generate or score a proxy set
READ = 4e8  # bytes of embeddings that are read, checked and digested per second
AUTO = 400  # k that costs as much as choosing k among all candidates
RULES = ("proxies", "evaluate", "collapse")


@dataclass(frozen=True)
class EstimatedJob:
    """The cost of one job.

    Attributes
    ----------
    rule : str
        One of RULES.
    group : Group
        Its FM, task and shots; for the rule collapse the first group with this FM and task.
    name : str
        Its GEN or AGG; empty for the rule collapse.
    seconds : float
        Seconds on one core.
    read, size : int
        Bytes of embeddings that it reads, and bytes that it writes.
    done : bool
        Whether nothing is to do: its file is up to date, or no pending score file needs its proxies.
    """

    rule: str
    group: Group
    name: str
    seconds: float
    read: int
    size: int
    done: bool


@dataclass
class Cost:
    """The pending jobs of a rule, their total seconds on one core, the bytes they write, and the number of jobs done."""

    jobs: int = 0
    done: int = 0
    seconds: float = 0.0
    size: int = 0


def costs(
    study: Study,
    groups: Iterable[Group],
    counts: Mapping[str, Mapping[str, int]],
    widths: Mapping[str, int | None],
    is_done: Callable[[Path], bool] = Path.exists,
) -> dict[str, Cost]:
    """The cost of pending jobs, by rule; for the parameters see `jobs`."""
    of_rules = {rule: Cost() for rule in RULES}
    for job in jobs(study, groups, counts, widths, is_done=is_done):
        cost = of_rules[job.rule]
        if job.done:
            cost.done += 1
            continue
        cost.jobs += 1
        cost.seconds += job.seconds
        cost.size += job.size
    return of_rules


def jobs(
    study: Study,
    groups: Iterable[Group],
    counts: Mapping[str, Mapping[str, int]],
    widths: Mapping[str, int | None],
    rate: float | None = None,
    is_done: Callable[[Path], bool] = Path.exists,
) -> Iterator[EstimatedJob]:
    """The jobs that generate proxies, score them and measure collapse, done or not.

    Parameters
    ----------
    study : Study
        The study.
    groups : iterable of Group
        The groups to count.
    counts : mapping
        Samples of each dataset and split.
    widths : mapping
        D of each FM.
    rate : float, optional
        Operations per second of one core, see `imprint.method.costs`; measured by default.
    is_done : callable
        Whether an output exists and is up to date.
    """
    rate = rate or operations_per_second()
    fm_tasks = set()
    fits: set[tuple[Any, ...]] = set()
    for group in groups:
        size = _size(study, group, counts)
        d = widths[group.fm] or 0
        read = 4 * d * size.stored
        reading = START + read / READ
        missing = {
            agg
            for agg in study.cells(group).by_agg
            if not is_done(scores_file(study.root, *group, agg))
        }
        needed = {gen for agg in missing for gen in study.cells(group).by_agg[agg].gens}
        needed |= {GENERATORS.find(gen).clusters or gen for gen in needed}
        for gen in study.cells(group).proxy_seeds:
            done = gen not in needed or is_done(proxies_file(study.root, *group, gen))
            work, sets, written = _proxies_cost(study, group, gen, size, d, fits)
            seconds = reading + work / rate + sets * SET
            yield EstimatedJob("proxies", group, gen, seconds, read, written, done)
        for agg in study.cells(group).by_agg:
            work, sets, rows = _scores_cost(study, group, agg, size, d)
            seconds = reading + work / rate + sets * SET
            yield EstimatedJob("evaluate", group, agg, seconds, read, 40 * rows, agg not in missing)
        if group[:2] not in fm_tasks:
            fm_tasks.add(group[:2])
            work = size.draws * sum(operations.collapse(n, d) for n in (size.full, size.test))
            done = is_done(collapse_file(study.root, *group[:2]))
            yield EstimatedJob("collapse", group, "", reading + work / rate, read, 0, done)


def _proxies_cost(
    study: Study, group: Group, gen: str, size: _Size, d: int, fits: set[tuple[Any, ...]]
) -> tuple[float, int, int]:
    """Operations, proxy sets and bytes of one proxy file. `fits`: what earlier tasks fitted of each class; it gets more."""
    entry = GENERATORS.find(gen)
    seeded = entry.seeded or group.draws_samples
    work, sets, written = 0.0, 0, 0
    training_sets: set[tuple[str, int | None]] = set()
    task = study.tasks[group.task]
    are_shared = entry.shares_fits and not group.draws_samples and len(task.draws) == 1

    def share_of_new_fits(*run: Any) -> float:
        """Share of the classes that no earlier task has fitted in a run (k, NORMpre and seed)."""
        if not are_shared:
            return 1.0
        of_classes = {
            (group.fm, gen, task.datasets, *originals, *run)
            for originals in task.draws[0] or [(label,) for label in range(size.classes)]
        }
        new = of_classes - fits
        fits.update(new)
        return len(new) / len(of_classes)

    for label, norms in study.cells(group).proxy_seeds[gen].items():
        k = parse_k(label)
        for norm_pre, seeds in norms.items():
            runs = size.draws * (len(seeds) if seeded else 1)
            sets += runs
            run = entry.operations(size.train, _number(k), size.classes, d)
            new = [share_of_new_fits(k, norm_pre, seed) for seed in seeds]
            work += runs * run * sum(new) / len(new)
            # in the file, among the blocks and, if tasks share them, among the fits of classes
            stored = 2 + sum(new) / len(new) if are_shared else 2
            written += int(stored * runs * _proxies(k, size) * (8 if entry.samples else 4 * d + 8))
            training_sets |= {(norm_pre, seed if group.draws_samples else None) for seed in seeds}
    shared = entry.shared_operations(size.train, size.classes, d)
    work += (
        size.draws
        * shared
        * sum(share_of_new_fits(*training_set) for training_set in training_sets)
    )
    if entry.rounds:
        work *= entry.rounds(size.train / size.originals)
    return work, sets, written


def _scores_cost(
    study: Study, group: Group, agg: str, size: _Size, d: int
) -> tuple[float, int, int]:
    """Operations, proxy sets and rows of one score file."""
    cells = study.cells(group).by_agg[agg].seeds
    of_sets: dict[tuple[str, K, str], list[Configuration]] = {}
    runs_of: dict[tuple[str, K, str], int] = {}
    rows = 0
    for configuration, seeds in cells.items():
        entry, k = GENERATORS.find(configuration.gen), configuration.k
        # every sample is a proxy whatever the NORMpre
        norm_pre = "" if isinstance(k, Every) else configuration.norm_pre
        name = configuration.gen, k, norm_pre
        of_sets.setdefault(name, []).append(configuration)
        seeded = entry.seeded or group.draws_samples
        runs_of[name] = size.draws * (len(seeds) if seeded else 1)
        rows += size.draws * len(seeds)
    work = size.draws * operations.embeddings(size.test, d)
    for name, configurations in of_sets.items():
        work += runs_of[name] * _set_operations(
            configurations, size.test, _proxies(name[1], size), d
        )
    return work, sum(runs_of.values()), rows


def _set_operations(configurations: Iterable[Configuration], n: int, p: int, d: int) -> float:
    """Operations to score one set of p proxies on n embeddings under all its configurations."""
    matrices: dict[tuple[str, ...], float] = {}
    rankings: dict[tuple[str, ...], float] = {}
    for scoring in dict.fromkeys(configuration.scoring for configuration in configurations):
        distance = DISTANCES.find(scoring.distance)
        post = "" if chain(scoring.norm_post).only_scales else scoring.norm_post
        product: tuple[str, ...] = (post,)
        if not distance.shares_product:
            norm_inf = "" if distance.from_product else scoring.norm_inf
            product = (scoring.norm_post, norm_inf, distance.name)
        matrices[product] = distance.operations(n, p, d)
        if post:
            matrices[product] += operations.normalisation(p, d)
        ranking = (scoring.norm_post, scoring.norm_inf, distance.name)
        longest = operations.ranking(n, p, scoring.neighbours)
        rankings[ranking] = max(longest, rankings.get(ranking, 0.0))
    return sum(matrices.values()) + sum(rankings.values())


def _number(k: K) -> int:
    return AUTO if isinstance(k, Auto) else k.number


def _proxies(k: K, size: _Size) -> int:
    """Proxies of all classes together."""
    return size.train if isinstance(k, Every) else min(_number(k) * size.classes, size.train)


@dataclass(frozen=True)
class _Size:
    """Samples of a task.

    Attributes
    ----------
    stored : int
        Samples in the files of its datasets, both splits.
    full, test : int
        Training and test samples of one draw of the task.
    train : int
        Training samples of `full` that the shots draw.
    classes, originals, draws : int
        Numbers of classes of one draw, of the original classes that they consist of, and of draws.
    """

    stored: int
    full: int
    test: int
    train: int
    classes: int
    originals: int
    draws: int


def _size(study: Study, group: Group, counts: Mapping[str, Mapping[str, int]]) -> _Size:
    task = study.tasks[group.task]
    full, test = (sum(counts[dataset][split] for dataset in task.datasets) for split in SPLITS)
    stored = full + test
    originals = total(_embedded_classes(study, dataset) for dataset in task.datasets)
    merged = task.draws[0]
    classes = used = originals or 10
    if merged is not None:
        classes, used = len(merged), sum(map(len, merged))
    if originals is not None:
        full, test = (int(count * used / originals) for count in (full, test))
    train = min(full, classes * int(group.shots)) if group.draws_samples else full
    return _Size(stored, full, test, train, classes, used, len(task.draws))


def _embedded_classes(study: Study, dataset: str) -> int | None:
    """How many classes of a dataset are embedded; None if that is not known."""
    classes = specs.subset(study, dataset).get("classes")
    return study.config.datasets[dataset].class_count if classes is None else len(classes)


def operations_per_second() -> float:
    """Speed of a float32 matrix product on one core, the best of several."""
    from threadpoolctl import threadpool_limits

    n = 1024
    x = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    times = []
    with threadpool_limits(limits=1):
        for _ in range(8):
            start = time.thread_time()
            x @ x
            times.append(time.thread_time() - start)
    return 2.0 * n**3 / min(times)
