"""The number of threads of a test."""

from contextlib import contextmanager

import numpy as np

from imprint.method.generate.cores import cores_for
from imprint.method.generate.registry import load_library_of


@contextmanager
def one_thread():
    """Run on one thread: small arrays would spend their time on waking several."""
    load_library_of("kmeans")
    with cores_for(np.zeros((1, 1))):
        yield
