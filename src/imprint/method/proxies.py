"""Proxies of all classes of a task, as GENs make them and AGGs use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ProxySet:
    """Proxies of all classes of a task, made by one GEN with one k, NORMpre, seed and draw.

    Proxies that are samples are kept by number, not by value: one of `values` and `samples` is None. Sets are
    told apart by identity: one that serves several seeds is one object.

    Attributes
    ----------
    labels : ndarray of shape (P,)
        Class of each proxy, ascending, int64.
    values : ndarray of shape (P, D) or None
        The proxies, float32.
    samples : ndarray of shape (P,) or None
        Rows of the training set that are the proxies, int64.
    seconds : float
        Time of generation.
    bias : ndarray of shape (P,) or None
        What is added to the inner products of the proxies, float32.
    note : str
        What the GEN says of its choices; empty of most.
    """

    labels: np.ndarray
    values: np.ndarray | None = None
    samples: np.ndarray | None = None
    seconds: float = 0.0
    bias: np.ndarray | None = None
    note: str = ""

    def matrix(self, train: np.ndarray) -> np.ndarray:
        """(P, D) proxies; `train` (N, D) is the training set they were made from, after NORMpre."""
        if self.samples is not None:
            return train[self.samples]
        assert self.values is not None
        return self.values


# proxy sets of a GEN by label of k, norm_pre, seed and draw; the seed is None where it changes nothing
ProxySets = dict[tuple[str, str, int | None, int], ProxySet]


def proxy_set_for(sets: ProxySets, k: str, norm_pre: str, seed: int | None, draw: int) -> ProxySet:
    """The proxy set for `seed`; sets that do not depend on the seed are shared."""
    of_seed = sets.get((k, norm_pre, seed, draw))
    return of_seed if of_seed is not None else sets[k, norm_pre, None, draw]
