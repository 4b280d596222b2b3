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

    Each k is compared with the k of the highest mean accuracy. It is within noise if its mean is lower by at most one
    standard error of the difference. The larger of two standard errors counts: the paired one over runs, and that of
    two accuracies on `test_samples` samples. A run is a draw, averaged over its seeds, or a seed if there is one draw.

    Parameters
    ----------
    rows : DataFrame
        Scores of one FM, task, NORM, GEN and AGG: columns draw, seed, k, accuracy (0 to 1).
    test_samples : float, optional
        Number of test samples of a draw. By default only the error over runs counts.

    Returns
    -------
    BestK
        The smallest k within noise, which is the best one, and the largest.

    Notes
    -----
    Draws share their test images, so the error over draws alone is too small: on a plateau, k = 20 would beat k = 5 by a
    tenth of a point that is due to chance.

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
    losses = accuracies.rsub(accuracies[means.idxmax()], axis="index")
    loss = losses.mean().fillna(means.max() - means)  # of k that share no run with the best
    run_error = losses.sem().fillna(0)
    sample_error = np.sqrt(2 * means.max() * (1 - means.max()) / test_samples)
    within = accuracies.columns[loss <= run_error.clip(lower=sample_error) + ROUNDING]
    return BestK(int(within.min()), int(within.max()))
