"""The best number of proxies per class: the smallest k within noise of the highest accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-12  # equal accuracies may differ by this in their means


class BestK(NamedTuple):
    """The smallest and the largest k whose accuracy is within noise of the highest."""

    smallest: int
    largest: int


def best_k(rows: pd.DataFrame, test_samples: float = np.inf) -> BestK:
    """The best k by a rule of one standard error, after averaging draws and seeds.

    The k with the highest mean accuracy is compared with each other k. A k is within noise of it if it lies behind, in
    the mean, by at most one standard error of the difference: the larger of that over runs, which is paired, and that
    of two accuracies on so many test samples. Runs are draws, each the mean of its seeds, or seeds where there is one
    draw.

    Parameters
    ----------
    rows : DataFrame
        Scores of one FM, task, NORM, GEN and AGG: columns draw, seed, k, accuracy (0 to 1).
    test_samples : float, optional
        Test samples of a draw. Without them only the error over runs counts.

    Returns
    -------
    BestK
        The smallest such k, which is the best one, and the largest.

    Notes
    -----
    Over draws alone, k = 20 would beat k = 5 on a plateau by a tenth of a point, in images that are right by chance: draws
    share their test images.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984, section 3.4.3.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"draw": [0, 0, 0], "seed": [1, 1, 1], "k": [1, 2, 5], "accuracy": [0.7, 0.92, 0.93]})
    >>> best_k(rows, test_samples=500)
    BestK(smallest=2, largest=5)
    """
    run = "draw" if rows["draw"].nunique() > 1 else "seed"
    accuracies = rows.pivot_table("accuracy", run, "k", aggfunc="mean").astype(float)
    means = accuracies.mean()
    behind = accuracies.rsub(accuracies[means.idxmax()], axis="index")
    over_runs = behind.sem().fillna(0)
    of_samples = np.sqrt(2 * means.max() * (1 - means.max()) / test_samples)
    within = accuracies.columns[behind.mean() <= over_runs.clip(lower=of_samples) + ROUNDING]
    return BestK(int(within.min()), int(within.max()))
