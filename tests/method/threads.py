"""The number of threads of a test."""

from contextlib import contextmanager

import numba
from threadpoolctl import threadpool_limits

from imprint.method.generate.registry import load_library_of


@contextmanager
def one_thread():
    """Run on one thread: small arrays would spend their time on waking several."""
    load_library_of("kmeans")
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        numba.set_num_threads(before)
