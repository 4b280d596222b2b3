"""The grid engine at full size: whole grids, scoring against bare matrix products, class scores, and one configuration at a time.

    python -m benchmarks.engine [agg] [gen] [scoring] [classes] [rows] [single] [--device cpu]

agg: the AGG grid of the paper's section 5.1, 5,904 configurations with their seeds, generation included.
gen: its GEN and NORM grid, 864 configurations.
scoring: time of scoring against that of the bare products (of the bare loop for Manhattan, which no product gives), by
    distance, for all 60,000 samples as proxies. Products on a GPU exclude transfers.
classes: time of class scores against that of predictions, by distance, for 1,000 classes of k proxies each.
rows: time of scoring with one thread for the rows against one for each core, by numbers of test embeddings and proxies: from
    how many on threads are worth starting.
single: a straightforward evaluation that fits scikit-learn's NearestNeighbors for each configuration, on a sample of
    the AGG grid, each cut off after --cut-off seconds and extrapolated to the whole test set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product

import numpy as np

from benchmarks.clock import alternated, in_turn, peak_gib, seconds
from benchmarks.data import SEED, Data, synthetic
from benchmarks.options import new_parser
from imprint.method import normalize
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Scoring
from imprint.method.engine import Effort, evaluate, predict
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.kernels import manhattan
from imprint.method.nearest import BLOCK_COLUMNS
from imprint.method.scoring import CandidateHead
from imprint.method.strips import strips

ALL = ("agg", "gen", "scoring", "classes", "rows", "single")
SEEDS = (SEED, 123987, 12412312)
CORES = os.cpu_count() or 1


def agg_scorings(norm_pre: str) -> tuple[Scoring, ...]:
    """NORMpost and NORMinf none and l2, max and mnn with all distances, m and weightings; l2 before only with l2 at inference."""
    scorings = []
    for post, inf in product(("none", "l2"), ("none", "l2") if norm_pre == "none" else ("l2",)):
        scorings.append(Scoring(post, inf, "max", "inner_product"))
        for distance, weighting, m in product(
            ("euclidean", "cosine", "manhattan", "mahalanobis"),
            ("uniform", "distance"),
            (1, 3, 5, 20, 50),
        ):
            scorings.append(Scoring(post, inf, "mnn", distance, weighting, m))
    return tuple(scorings)


def gen_scorings(norm_pre: str) -> tuple[Scoring, ...]:
    """NORMpost none, l2 and quantile with max and the inner product."""
    infs = ("none", "l2") if norm_pre == "none" else ("l2",)
    return tuple(
        Scoring(post, inf, "max", "inner_product")
        for post, inf in product(("none", "l2", "quantile"), infs)
    )


def grid(
    data: Data,
    gens: Iterable[tuple[str, list[int]]],
    scorings: Callable[[str], tuple[Scoring, ...]],
    label: str,
    device: str,
) -> None:
    """Generate, then evaluate, as the jobs of the workflow do; print the time of each part."""
    warm_up(data, device)
    counted = 0
    candidates: list[CandidateHead] = []
    times: dict[str, float] = {}
    samples: dict[bytes, np.ndarray] = {}  # sets of the same samples share products
    for norm_pre in ("none", "l2"):
        x = normalize.apply(norm_pre, data.x)
        for gen, ks in gens:
            start = time.perf_counter()
            sets = proxy_sets(x, data.y, gen, ks, SEEDS, threads=CORES, device=device)
            times[gen] = times.get(gen, 0) + time.perf_counter() - start
            counted += len(sets) * len(scorings(norm_pre))
            for proxies in dict.fromkeys(sets.values()):
                values, key, unit = proxies.values, None, False
                if proxies.samples is not None:
                    key, unit = proxies.samples.tobytes(), norm_pre == "l2"
                    values = samples.setdefault(key, data.x[proxies.samples])
                candidates.append(
                    CandidateHead(values, proxies.labels, scorings(norm_pre), unit, key)
                )
        del x
    effort = Effort()
    start = time.perf_counter()
    evaluate(data.test_x, data.test_y, data.classes, candidates, effort=effort, device=device)
    scoring = time.perf_counter() - start
    for gen, spent in times.items():
        print(f"  generate {gen:10} {spent:8.1f} s")
    print(
        f"  score               {scoring:8.1f} s  ({effort.rankings} rankings, {effort.predictions} different predictions)"
    )
    print(
        f"{label}: {counted} configurations in {sum(times.values()) + scoring:.1f} s; peak {peak_gib():.2f} GiB\n"
    )


def products(data: Data, proxies: np.ndarray) -> None:
    """The product of all test embeddings with all proxies."""
    _in_blocks(data.test_x, proxies, lambda x, columns, out: np.matmul(x, columns.T, out=out))


def loop(data: Data, proxies: np.ndarray) -> None:
    """All Manhattan distances of test embeddings to proxies."""
    _in_blocks(data.test_x, proxies, manhattan)


def limit_on(device: str, distance: str, data: Data, proxies: np.ndarray) -> Callable[[], None]:
    """The same on a device that already holds test embeddings and proxies."""
    import torch

    x, columns = (torch.from_numpy(array).to(device) for array in (data.test_x, proxies))

    def fill() -> None:
        for top in range(0, len(columns), BLOCK_COLUMNS):
            block = columns[top : top + BLOCK_COLUMNS]
            out = torch.cdist(x, block, p=1) if distance == "manhattan" else x @ block.T
        out[-1, -1].item()  # waits for the device

    return fill


def _in_blocks(
    x: np.ndarray,
    proxies: np.ndarray,
    fill: Callable[[np.ndarray, np.ndarray, np.ndarray], object],
) -> None:
    """Fill blocks as large as the engine's; each core fills those of its own rows, which is faster than sharing rows."""
    out = np.empty((len(x), BLOCK_COLUMNS), np.float32)
    with strips(len(x)) as each:
        for top in range(0, len(proxies), BLOCK_COLUMNS):
            columns = proxies[top : top + BLOCK_COLUMNS]
            width = len(columns)
            each(lambda rows: fill(x[rows], columns, out[rows, :width]))  # noqa: B023


# lower limits of the time of scoring, by distance
LIMITS = dict.fromkeys(("inner_product", "euclidean", "cosine", "mahalanobis"), products)
LIMITS["manhattan"] = loop


def compared(
    label: str, limit: Callable[[], object], ours: Callable[[], object], repeats: int
) -> None:
    """Time a limit and our code in turn; print the median seconds of both, and the median of their ratios."""
    times = in_turn(limit, ours, repeats)
    (least, spent), ratio = np.median(times, axis=0), np.median(times[:, 1] / times[:, 0])
    print(f"  {label:34} {least:8.2f} s {spent:8.2f} s {ratio:7.2f}", flush=True)


def warm_up(data: Data, device: str = "cpu") -> None:
    """Compile the loops, and start the device."""
    few = CandidateHead(data.x[:100], np.sort(data.y[:100]), agg_scorings("none"))
    evaluate(data.test_x[:100], data.test_y[:100], data.classes, [few], device=device)
    proxy_sets(data.x[:100], np.zeros(100, np.int64), "kmeans", [2], [0], device=device)


def classes(data: Data, repeats: int) -> None:
    """Ratio of class scores to predictions."""
    warm_up(data)
    count = 1000
    print(f"  {count:,} classes                       predict   class scores  ratio")
    for k, distance in product((1, 20), LIMITS):
        proxies, labels = data.x[: k * count], np.repeat(np.arange(count), k)
        if len(proxies) < k * count:
            continue
        candidate = CandidateHead(proxies, labels, (Scoring("none", "none", "max", distance),))
        compared(
            f"{distance}, k = {k}",
            lambda: list(predict(data.test_x, count, [candidate])),  # noqa: B023
            lambda: class_scores(data.test_x, candidate, count),  # noqa: B023
            repeats,
        )
    print()


def scoring(data: Data, repeats: int, device: str) -> None:
    """Ratio of scoring to the bare products."""
    warm_up(data, device)
    order = np.argsort(data.y, kind="stable")
    proxies, labels = data.x[order], data.y[order]
    print(f"  {len(proxies):,} proxies                        limit    scoring   ratio")
    for distance, m in product(LIMITS, (1, 50)):
        if distance == "inner_product" and m > 1:
            continue
        name = Scoring(
            "none",
            "none",
            "max" if m == 1 else "mnn",
            distance,
            None if m == 1 else "uniform",
            None if m == 1 else m,
        )
        candidate = CandidateHead(proxies, labels, (name,))
        limit: Callable[[], object] = partial(LIMITS[distance], data, proxies)
        if device != "cpu":
            limit = limit_on(device, distance, data, proxies)
        ours = partial(evaluate, data.test_x, data.test_y, data.classes, [candidate], device=device)
        compared(f"{distance}, m = {m}", limit, ours, repeats)
    print()


def rows(data: Data, repeats: int) -> None:
    """Ratio of scoring with one thread for the rows to scoring with one for each core."""
    import numba

    warm_up(data)
    scorings = (
        Scoring("none", "none", "max", "inner_product"),
        *(Scoring("none", "l2", "mnn", "cosine", "uniform", m) for m in (1, 5)),
    )

    def on(threads: int, count: int, candidate: CandidateHead) -> float:
        x, y = data.test_x[:count], data.test_y[:count]
        numba.set_num_threads(threads)
        return seconds(lambda: evaluate(x, y, data.classes, [candidate]), 20)

    cores, available = numba.get_num_threads(), len(data.test_x)
    counts = {min(count, available) for count in (100, 1000, 2000, 5000, available)}
    print("  rows x proxies                    all cores      one   ratio")
    for count, proxies in product(sorted(counts), (10, 100, 1000)):
        labels = np.arange(proxies) % data.classes
        candidate = CandidateHead(data.x[:proxies], labels, scorings)
        of_all, of_one = (partial(on, threads, count, candidate) for threads in (cores, 1))
        times = alternated(of_all, of_one, repeats)
        (several, one), ratio = np.median(times, axis=0), np.median(times[:, 1] / times[:, 0])
        label = f"{count:,} x {proxies:,}"
        print(f"  {label:30} {1e3 * several:9.2f} ms {1e3 * one:6.2f} ms {ratio:6.2f}", flush=True)
    numba.set_num_threads(cores)
    print()


def single(data: Data, cut_off: float, sample: int) -> None:
    """One configuration at a time with scikit-learn, on a sample of the AGG grid."""
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(0)
    sizes = [10] * 3 + [10, 50, 200] * 3 + [10, 50, 200] * 3 + [60_000] * 3
    names: dict[str, dict] = {"euclidean": {}, "cosine": {}, "manhattan": {}, "mahalanobis": {}}
    spent = []
    for _ in range(sample):
        size, distance = sizes[rng.integers(len(sizes))], list(names)[rng.integers(4)]
        m = int(rng.choice([1, 3, 5, 20, 50]))
        proxies = data.x[rng.choice(len(data.x), size, replace=False)]
        options = {}
        if distance == "mahalanobis":
            options = {
                "metric_params": {
                    "VI": np.linalg.inv(np.cov(proxies.T) + 1e-6 * np.eye(proxies.shape[1]))
                }
            }
        nearest = NearestNeighbors(
            n_neighbors=min(m, size), metric=distance, algorithm="brute", **options
        ).fit(proxies)
        start, done = time.perf_counter(), 0
        while done < len(data.test_x) and time.perf_counter() - start < cut_off:
            step = 100
            nearest.kneighbors(data.test_x[done : done + step])
            done += step
        whole = (time.perf_counter() - start) * len(data.test_x) / done
        spent.append(whole)
        print(
            f"  {size:6} proxies, {distance:12} m = {m:<3} {whole:9.1f} s{' (extrapolated)' if done < len(data.test_x) else ''}",
            flush=True,
        )
    print(
        f"one at a time: mean {np.mean(spent):.1f} s; 5,904 configurations would take {np.mean(spent) * 5904 / 3600:.1f} hours\n"
    )


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(ALL)}; all but single by default",
    )
    parser.add_argument("--train", type=int, default=60_000)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument(
        "--device",
        default="cpu",
        help="where k-means generates and proxies are scored; classes and single run on the processor",
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="repeats of rows, scoring and classes"
    )
    parser.add_argument("--sample", type=int, default=24, help="configurations that `single` tries")
    parser.add_argument(
        "--cut-off", type=float, default=45, help="seconds after which `single` extrapolates"
    )
    arguments = parser.parse_args()
    names = arguments.measurements or ALL[:-1]
    if unknown := set(names) - set(ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ALL)}")
    data = synthetic(arguments.train, arguments.test, arguments.width)
    ks = [1, 5, 20]
    if "scoring" in names:
        scoring(data, arguments.repeats, arguments.device)
    if "classes" in names:
        classes(data, arguments.repeats)
    if "rows" in names:
        rows(data, arguments.repeats)
    if "agg" in names:
        grid(
            data,
            [("kmeans", ks), ("kmedoids", ks), ("mean", [1]), ("all", [1])],
            agg_scorings,
            "AGG grid",
            arguments.device,
        )
    if "gen" in names:
        more = [1, 2, 3, 5, 10, 20]
        gens = [(g, more) for g in ("kmeans", "kmedoids", "fps", "cov_max", "random")]
        grid(data, [*gens, ("mean", [1]), ("all", [1])], gen_scorings, "GEN grid", arguments.device)
    if "single" in names:
        single(data, arguments.cut_off, arguments.sample)


if __name__ == "__main__":
    main()
