"""Time of GEN at full size against its limit: scikit-learn's own fits, or the passes over the data that it needs at least.

python -m benchmarks.generation [--train 60000]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.clock import seconds
from benchmarks.data import SEED, synthetic
from benchmarks.options import new_parser
from imprint.method.generate.proxy_sets import proxy_sets


def main() -> None:
    from sklearn.cluster import KMeans
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    parser = new_parser(__doc__)
    parser.add_argument("--train", type=int, default=60_000, help="number of embeddings")
    data = synthetic(parser.parse_args().train, test=1)
    classes = [data.x[data.y == c] for c in range(data.classes)]
    one_hot = np.eye(data.classes, dtype=np.float32)[data.y]
    ks = [1, 2, 3, 5, 10, 20]

    limits: dict[str, tuple[str, list[int], Callable[[], object]]] = {
        "kmeans": (
            "scikit-learn KMeans.fit, class by class", [20],
            lambda: [KMeans(n_clusters=20, random_state=SEED).fit(x) for x in classes],
        ),
        "kmedoids": ("the distance matrices alone", [1, 5, 20], lambda: [pairwise_distances(x) for x in classes]),
        "fps": ("20 products x @ p", ks, lambda: [[x @ x[i] for i in range(20)] for x in classes]),
        "cov_max": ("two passes over x", ks, lambda: [(x.mean(axis=1), x @ x[0]) for x in classes]),
        "random": ("a copy of the class labels' order", ks, lambda: np.argsort(data.y, kind="stable")),
        "ls": ("scikit-learn Ridge.fit (Cholesky)", [1], lambda: Ridge(6.0, fit_intercept=False, solver="cholesky").fit(data.x, one_hot)),
        "kls": ("as kmeans", [20], lambda: [KMeans(n_clusters=20, random_state=SEED).fit(x) for x in classes]),
    }  # fmt: skip
    print(f"{'GEN':10}{'k':>20}{'here':>10}{'limit':>10}{'ratio':>8}   what the limit is")
    for gen, (what, chosen, limit) in limits.items():
        least = seconds(limit)
        spent = seconds(lambda: proxy_sets(data.x, data.y, gen, chosen, [SEED], ls_lambda=1e-4))  # noqa: B023
        print(
            f"{gen:10}{', '.join(map(str, chosen)):>20}{spent:9.2f}s{least:9.2f}s{spent / least:8.2f}   {what}",
            flush=True,
        )


if __name__ == "__main__":
    main()
