"""Cost of fitting and predicting with whitened heads and `auto`.

    python -m benchmarks.head_times [--repeats 3]

Fits and predicts synthetic embeddings that are as hard as real ones, 60,000 and 10,000 of them, 512 wide, on one core; `auto`
also on all cores.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.clock import in_turn, seconds
from benchmarks.data import SEED, Data
from benchmarks.head_methods import AUTO, load_libraries
from benchmarks.options import new_parser
from benchmarks.printing import print_bar
from imprint import ImprintingClassifier
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import l2


def hard(train: int = 60_000, test: int = 10_000, d: int = 512, classes: int = 10) -> Data:
    """Embeddings as hard as real ones: 20 overlapping clusters per class, correlated features, a third of the values zero.

    Classes and clusters differ in 32 of 512 directions, whose spread decays as in real embeddings. With 20,000 samples the
    mean reaches 72%, k-means 20 90% and ridge 94%: about as on MNIST by a network for CIFAR-100.
    """
    rng = np.random.default_rng(0)
    spread = np.arange(1, d + 1) ** -0.6
    spread /= np.sqrt((spread**2).mean())
    mixing = np.linalg.qr(rng.normal(size=(d, d)))[0] * spread[:, None]
    centres = 0.6 * (rng.normal(size=(classes, 1, d)) + rng.normal(size=(classes, 20, d)))
    centres[..., 32:] = 0

    def split(n: int) -> tuple[np.ndarray, np.ndarray]:
        y, cluster = rng.integers(0, classes, n), rng.integers(0, 20, n)
        x = (centres[y, cluster] + 0.7 * rng.normal(size=(n, d))) @ mixing + 0.3
        return np.maximum(x, 0).astype(np.float32), y

    return Data(*split(train), *split(test), classes)


def print_pair(
    what: str,
    measured: Callable[[], object],
    limit: Callable[[], object],
    most: float,
    repeats: int,
) -> None:
    """Time two calls in turn, and print the median of their ratios with its bar."""
    print_ratio(what, in_turn(measured, limit, repeats), most)


def print_ratio(what: str, times: np.ndarray, most: float) -> None:
    """Print median seconds (repeats, 2) and the median ratio with its bar."""
    (spent, alone), ratio = np.median(times, axis=0), np.median(times[:, 0] / times[:, 1])
    print_bar(
        ratio <= most,
        f"{what}: {spent:.4f} s, {alone:.4f} s, ratio {ratio:.3f}, at most {most}",
    )


def print_timing(data: Data, auto: ImprintingClassifier, repeats: int) -> None:
    """Print the cost of whitening and `auto`."""
    plain = ImprintingClassifier(gen="kmeans", k=20, norm_post="l2", random_state=SEED)
    whitened = ImprintingClassifier(gen="kmeans", k=20, norm_post="whiten+l2", random_state=SEED)
    for model in (plain, whitened, auto):  # loads everything that is loaded on first use
        model.fit(data.x[:500], data.y[:500]).predict(data.test_x[:10])

    print("\n60,000 x 512 embeddings of 10 classes, 10,000 to predict\n")
    print_pair(
        "fit k-means 20, norm_post whiten+l2 | l2",
        lambda: whitened.fit(data.x, data.y),
        lambda: plain.fit(data.x, data.y),
        1.5,
        repeats,
    )
    print_pair(
        "predict, norm_post whiten+l2 | l2",
        lambda: whitened.predict(data.test_x),
        lambda: plain.predict(data.test_x),
        1.1,
        20 * repeats,
    )
    print_against_probe("fit auto | the probe", data, auto, repeats)
    models = {"k-means 20": plain, "whitened": whitened, "auto": auto}
    reached = [
        f"{name} {100 * (model.predict(data.test_x) == data.test_y).mean():.1f}"
        for name, model in models.items()
    ]
    print(f"\nAccuracy on these embeddings: {', '.join(reached)}")


def print_against_probe(what: str, data: Data, auto: ImprintingClassifier, repeats: int) -> None:
    """Print the ratio of the time of `auto` to that of a linear probe with a sweep of C, which is timed once."""
    spent = seconds(lambda: auto.fit(data.x, data.y), 2 * repeats)
    x = l2(data.x)
    probe = seconds(lambda: proxy_sets(x, data.y, "logistic", [1], [SEED]), repeats=1)
    print_ratio(what, np.array([[spent, probe]]), 0.1)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # warnings about few samples and imbalance
    load_libraries()
    data = hard()
    auto = ImprintingClassifier(method=AUTO, random_state=SEED)
    with threadpool_limits(limits=1):
        print_timing(data, auto, options.repeats)
    print_against_probe("fit auto | the probe, on all cores", data, auto, options.repeats)


if __name__ == "__main__":
    main()
