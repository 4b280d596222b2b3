"""Sums of groups are those of adding sample by sample in float64, of few samples and of many."""

import numpy as np
import pytest

from imprint.method.sums import COMPILED, group_sums


@pytest.mark.parametrize("n", [60, COMPILED // 64 + 1])
def test_samples_are_added_in_their_order(n):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 64)).astype(np.float32)
    groups = np.r_[np.arange(5), random.integers(0, 5, n - 5)]
    sums, counts = group_sums(x, groups)
    for group in range(5):
        rows = x[groups == group].astype(np.float64)
        np.testing.assert_array_equal(sums[group], np.add.accumulate(rows)[-1])
        assert counts[group] == len(rows)
