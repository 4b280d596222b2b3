"""Few embeddings are worked on by one core, and the setting is put back."""

import numba
import numpy as np

from imprint.method.generate.cores import cores_for
from imprint.method.generate.proxy_sets import MANY_VALUES


def test_few_embeddings_keep_to_one_core():
    before = numba.get_num_threads()
    with cores_for(np.zeros((10, 4), np.float32)):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with cores_for(np.zeros((MANY_VALUES, 1), np.float32)):
        assert numba.get_num_threads() == before
