"""Confidence intervals of means over (FM, task)."""

from __future__ import annotations

import numpy as np

FEWEST = 6  # rows for a bootstrap interval


def mean_intervals(samples: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of bootstrap intervals (BCa, Efron 1987) of the mean of each column.

    samples: (rows, columns). The same 9,999 resamples of the rows serve all columns, drawn with a fixed seed. The
    interval of a constant column is that value; of fewer than six rows there is none (NaN): resamples of so few are too
    much alike. Of 8 to 20 rows of normal samples nine in ten such intervals hold the mean.
    """
    samples = np.round(np.asarray(samples, dtype=float), 12)
    if len(samples) < FEWEST:
        return np.full(samples.shape[1], np.nan), np.full(samples.shape[1], np.nan)
    low, high = samples[0].copy(), samples[0].copy()
    varying = np.ptp(samples, axis=0) > 0
    if varying.any():
        from scipy.stats import bootstrap

        result = bootstrap(
            (samples[:, varying].T,),
            np.mean,
            axis=-1,
            confidence_level=level,
            n_resamples=9999,
            batch=100,
            random_state=np.random.default_rng(0),
        )
        low[varying], high[varying] = result.confidence_interval
    return low, high
