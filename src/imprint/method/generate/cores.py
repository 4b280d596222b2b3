"""The number of cores to use: one for few embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from imprint.method.generate.proxy_sets import MANY_VALUES


@contextmanager
def cores_for(x: np.ndarray) -> Iterator[None]:
    """Limit libraries and compiled loops to one core if embeddings x (n, D) are few: other cores would only wait."""
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
