"""Facts of the comparison of heads: what counts as level with the best."""

import warnings

import numpy as np
import pytest

from imprint.estimator.cross_validation import QUANTILE, compare_fms, quantile_of_pairs
from imprint.method.presets import PRESETS
from imprint.store.embeddings import Embeddings


def test_the_quantile_of_all_pairs_is_that_of_tukeys_studentised_range():
    """Of independent methods of equal accuracy: 3.858 / sqrt(2) for five of them (tables of the studentised range)."""
    right = np.random.default_rng(0).random((5, 200_000)) < 0.5
    assert quantile_of_pairs(right) == pytest.approx(3.858 / np.sqrt(2), abs=0.05)


@pytest.mark.parametrize("rows", [1, 2])
def test_of_one_pair_the_quantile_is_that_of_its_interval(rows):
    right = np.random.default_rng(1).random((rows, 50)) < 0.5
    assert quantile_of_pairs(right) == QUANTILE
    assert quantile_of_pairs(np.repeat(right, 5, axis=0)) == QUANTILE  # heads that agree


def test_the_quantile_of_heads_that_nearly_agree_gives_no_warning():
    right = np.ones((30, 60), bool)
    right[np.arange(30), np.arange(30)] = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(quantile_of_pairs(np.concatenate([right, right & right[::-1]])))


def test_fms_of_equal_quality_are_rarely_told_apart_although_one_of_them_is_best():
    """Five FMs that are noise around the same class means, in 20 data sets."""
    methods, y = [PRESETS["qi"].configuration], np.arange(120) % 4
    means = 0.55 * np.random.default_rng(99).normal(size=(4, 16))
    ids, names = np.arange(120).astype(str), tuple("abcd")
    of_two, of_all = [], []
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(5, 120, 16)) + means[y]
        fms = {
            f"fm{i}": Embeddings(each.astype(np.float32), y, ids, names, {})
            for i, each in enumerate(x)
        }
        table = compare_fms(fms, methods)
        assert (table["level"] | (table["high"] < 0)).all()
        of_two.append((table["high"] < 0).any())
        of_all.append((~table["level"]).any())
    assert sum(of_all) <= 1 and sum(of_two) >= 3


def test_fms_of_different_quality_are_told_apart():
    y = np.arange(120) % 4
    x = np.random.default_rng(0).normal(size=(120, 16)) + 2 * np.eye(4, 16)[y]
    ids, names = np.arange(120).astype(str), tuple("abcd")
    fms = {
        name: Embeddings(values.astype(np.float32), y, ids, names, {})
        for name, values in (("good", x), ("none", np.eye(120, 16)))
    }
    table = compare_fms(fms, [PRESETS["qi"].configuration])
    assert table["fm"].tolist() == ["good", "none"] and table["level"].tolist() == [True, False]
