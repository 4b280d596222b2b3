"""Choosing k from the training samples of a task, by the log loss of samples that are held out."""

from __future__ import annotations

import time

import numpy as np

from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import l2

CANDIDATES = (1, 2, 3, 5, 10, 20, 50, 100)
HELD_OUT = 0.2  # of each class
TEMPERATURES = np.geomspace(2, 256, 15)  # inverse ones, of cosines
BLOCK = 2**24  # products at a time


def choose_k(
    x: np.ndarray,
    y: np.ndarray,
    gen: str,
    seed: int | None,
    threads: int = 1,
    device: str = "cpu",
) -> tuple[int, float]:
    """Choose k for a GEN.

    A fifth of each class is held out, the proxies of the rest are generated for every candidate, and the k with
    the least log loss of the held-out samples is taken: of a softmax over the best cosines of the classes, as l2
    and `max` score them, at the temperature that suits this k best. The loss tells apart what accuracy cannot,
    where nearly all predictions are right.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Training embeddings after NORMpre.
    y : ndarray of shape (n,)
        Labels. A class of one sample is not held out; without any sample to hold out k is 1.
    gen : str
        Name of the GEN.
    seed : int or None
        Seed of the split and of the GEN.
    threads : int, default=1
        Classes handled at once.
    device : str, default="cpu"
        See `proxy_sets`.

    Returns
    -------
    k, seconds
        The choice, and the time that it took.
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
    """(n,) mask of the samples held out: a fifth of each class, at least one of two."""
    mask = np.zeros(len(y), bool)
    random = np.random.default_rng(seed)
    for rows in np.split(np.argsort(y, kind="stable"), np.cumsum(np.bincount(y))[:-1]):
        if len(rows) > 1:
            mask[random.permutation(rows)[: max(1, round(HELD_OUT * len(rows)))]] = True
    return mask


def _loss(x: np.ndarray, y: np.ndarray, proxies: np.ndarray, labels: np.ndarray) -> float:
    """Mean log loss of x (n, d) with labels y (n,), at the best temperature. proxies (P, d), labels (P,) ascending."""
    firsts = np.searchsorted(labels, np.arange(labels[-1] + 1))
    best = np.concatenate(
        [
            np.maximum.reduceat(rows @ proxies.T, firsts, axis=1)
            for rows in np.array_split(x, len(x) * len(proxies) // BLOCK + 1)
        ]
    )
    best -= best.max(axis=1, keepdims=True)
    of_class = best[np.arange(len(y)), y]
    return min(
        float((np.log(np.exp(t * best).sum(axis=1)) - t * of_class).mean()) for t in TEMPERATURES
    )
