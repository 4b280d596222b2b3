"""The estimator at full size against its limits: scikit-learn's k-means alone, the bare product, one class alone.

python -m benchmarks.classifier [--repeats 3]

The compared calls run in turn, in alternating order. Times are medians, and `ratio` is the median of the repeats' ratios;
`least` is the ratio of the shortest times, which other work on the machine affects least.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.clock import in_turn
from benchmarks.data import SEED, synthetic
from benchmarks.options import new_parser
from imprint import ImprintingClassifier
from imprint.method.normalize import l2


def compare(
    what: str, ours: Callable[[], object], limit: Callable[[], object], repeats: int
) -> None:
    """Print the median seconds of both and of their ratio."""
    times = in_turn(ours, limit, repeats)
    (spent, alone), best = np.median(times, axis=0), times.min(axis=0)
    ratio = np.median(times[:, 0] / times[:, 1])
    print(f"{what:62}{spent:9.4f}s{alone:9.4f}s{ratio:8.2f}{best[0] / best[1]:8.2f}", flush=True)


def main() -> None:
    from sklearn.cluster import KMeans

    parser = new_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")  # k-means of few samples

    data = synthetic()
    classes = [l2(data.x[data.y == c]) for c in range(data.classes)]
    model = ImprintingClassifier(method="westerhoff", random_state=SEED)
    model.fit(data.x[:500], data.y[:500]).predict(data.test_x[:10])  # loads the compiled loops

    print(f"{'':62}{'here':>10}{'limit':>10}{'ratio':>8}{'least':>8}")
    compare(
        "fit 60,000 x 512 and predict 10,000, kmeans k=20 | KMeans.fit",
        lambda: model.fit(data.x, data.y).predict(data.test_x),
        lambda: [KMeans(n_clusters=20, random_state=SEED).fit(x) for x in classes],
        repeats,
    )
    proxies = model.proxies_
    quick = 10 * repeats
    compare(
        "predict 10,000 | the product alone",
        lambda: model.predict(data.test_x),
        lambda: data.test_x @ proxies.T,
        quick,
    )
    compare("decision_function 10,000 | the product alone", lambda: model.decision_function(data.test_x), lambda: data.test_x @ proxies.T, quick)  # fmt: skip

    many = synthetic(train=60_000, test=1, classes=1001)
    last = many.y == 1000
    thousand = ImprintingClassifier(method="westerhoff", random_state=SEED).fit(
        many.x[~last], many.y[~last]
    )
    compare(
        "decision_function 10,000, 1,000 classes of k=20 | predict",
        lambda: thousand.decision_function(data.test_x),
        lambda: thousand.predict(data.test_x),
        repeats,
    )
    grown = [copy.copy(thousand) for _ in range(quick)]
    compare(
        "add a class to 1,000 of k=20 | fit it alone, one concatenation",
        lambda: grown.pop().add_classes(many.x[last], many.y[last]),
        lambda: np.concatenate(
            [
                thousand.proxies_,
                ImprintingClassifier(method="westerhoff", random_state=SEED)
                .fit(many.x[last], many.y[last])
                .proxies_,
            ]
        ),
        quick,
    )
    small = synthetic(train=6_000, test=1, classes=2_000)
    automatic, whitened = (
        ImprintingClassifier(method=method, random_state=SEED) for method in ("auto", "whiten")
    )
    compare(
        "fit 6,000 x 512 in 2,000 classes: auto | whiten, probabilities",
        lambda: automatic.fit(small.x, small.y),
        lambda: whitened.fit(small.x, small.y),
        repeats,
    )


if __name__ == "__main__":
    main()
