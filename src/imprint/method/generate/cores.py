"""How many cores work on embeddings: more than one only where they are many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from imprint.method.generate.proxy_sets import MANY_VALUES


@contextmanager
def cores_for(x: np.ndarray) -> Iterator[None]:
    """For few embeddings x (n, D) numerical libraries and compiled loops keep to one core: others only wait."""
    import numba
    from threadpoolctl import threadpool_limits

    if x.size >= MANY_VALUES:
        yield
        return
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        numba.set_num_threads(before)
