"""Choice of k by the log loss of held-out training samples."""

from __future__ import annotations

import time

import numpy as np

from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.holdout import rows_by_class
from imprint.method.normalize import l2

CANDIDATES = (1, 2, 3, 5, 10, 20, 50, 100)
HELD_OUT = 0.2  # of each class
INVERSE_TEMPERATURES = np.geomspace(2, 256, 15)  # for cosines
BLOCK_PRODUCTS = 2**24  # inner products computed at a time


def choose_k(
    x: np.ndarray,
    y: np.ndarray,
    gen: str,
    seed: int | None,
    threads: int = 1,
    device: str = "cpu",
) -> tuple[int, float]:
    """Choose k for a GEN.

    A fifth of each class is held out, and the proxies of the other samples are generated for every candidate. The k with
    the smallest log loss of the held-out samples is chosen. The loss is that of a softmax over the best cosine of each
    class, as l2 and `max` score them, at the best temperature for this k. The loss still differs between candidates
    when nearly all predictions are right and accuracy does not.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Training embeddings after NORMpre.
    y : ndarray of shape (n,)
        Labels. A class with one sample is not held out; if no sample can be held out, k is 1.
    gen : str
        Name of the GEN.
    seed : int or None
        Seed of the split and of the GEN.
    threads : int, default=1
        Number of classes processed in parallel.
    device : str, default="cpu"
        See `proxy_sets`.

    Returns
    -------
    k, seconds
        The chosen k, and the time of the choice.
    """
    start = time.perf_counter()
    held = _held_out(y, seed or 0)
    largest = np.bincount(y[~held]).max()
    ks = [k for k in CANDIDATES if k <= largest]
    if not held.any() or len(ks) == 1:
        return 1, time.perf_counter() - start
    sets = proxy_sets(x[~held], y[~held], gen, ks, [seed], threads=threads, device=device)
    queries = l2(x[held])
    losses = []
    for k in ks:
        proxies = sets[k, seed]
        losses.append(_loss(queries, y[held], l2(proxies.matrix(x[~held])), proxies.labels))
    return ks[int(np.argmin(losses))], time.perf_counter() - start


def _held_out(y: np.ndarray, seed: int) -> np.ndarray:
    """(n,) mask of the held-out samples: a fifth of each class, at least one if it has two."""
    mask = np.zeros(len(y), bool)
    random = np.random.default_rng(seed)
    for rows in rows_by_class(y):
        if len(rows) > 1:
            mask[random.permutation(rows)[: max(1, round(HELD_OUT * len(rows)))]] = True
    return mask


def _loss(x: np.ndarray, y: np.ndarray, proxies: np.ndarray, labels: np.ndarray) -> float:
    """Mean log loss of x (n, d) with labels y (n,), at the best temperature. proxies (P, d), labels (P,) ascending."""
    firsts = np.searchsorted(labels, np.arange(labels[-1] + 1))
    best = np.concatenate(
        [
            np.maximum.reduceat(rows @ proxies.T, firsts, axis=1)
            for rows in np.array_split(x, len(x) * len(proxies) // BLOCK_PRODUCTS + 1)
        ]
    )
    best -= best.max(axis=1, keepdims=True)
    true = best[np.arange(len(y)), y]
    return min(
        float((np.log(np.exp(t * best).sum(axis=1)) - t * true).mean())
        for t in INVERSE_TEMPERATURES
    )
