"""NC1 and VCI at full size, against their computation with a D x D matrix per class.

python -m benchmarks.collapse [--train 60000]
"""

from __future__ import annotations

import numpy as np

from benchmarks.clock import seconds
from benchmarks.data import synthetic
from benchmarks.options import new_parser
from imprint.method.collapse import collapse
from imprint.method.normalize import l2


def by_matrices(x: np.ndarray, y: np.ndarray, classes: int) -> tuple[float, float]:
    """NC1 and VCI from the covariance of every class and the pseudo-inverse of Sigma_B."""
    x = l2(x)
    means = np.stack([x[y == c].mean(axis=0) for c in range(classes)])
    between = np.cov(means.T, ddof=0)
    within = np.mean([np.cov(x[y == c].T, ddof=0) for c in range(classes)], axis=0)
    nc1 = np.trace(within @ np.linalg.pinv(between, rcond=1e-6)) / classes
    explained = np.trace(np.linalg.pinv(within + between, rcond=1e-6) @ between)
    return nc1, 1 - explained / np.linalg.matrix_rank(between, tol=1e-6)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--train", type=int, default=60_000, help="number of embeddings")
    data = synthetic(parser.parse_args().train, test=1)
    ours = collapse(data.x, data.y, data.classes)
    nc1, vci = by_matrices(data.x, data.y, data.classes)
    print(
        f"{len(data.x):,} x 512, 10 classes: NC1 {ours.nc1:.5f} (by matrices {nc1:.5f}), VCI {ours.vci:.5f} ({vci:.5f})"
    )
    fast = seconds(lambda: collapse(data.x, data.y, data.classes))
    slow = seconds(lambda: by_matrices(data.x, data.y, data.classes))
    limit = seconds(lambda: data.x.T @ data.x)
    print(
        f"  here {fast:.2f} s, by matrices {slow:.2f} s (ratio {slow / fast:.1f}); the product X^T X alone {limit:.2f} s"
    )


if __name__ == "__main__":
    main()
