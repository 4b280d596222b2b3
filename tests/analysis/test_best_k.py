"""The best k: the smallest within noise of the highest accuracy."""

import numpy as np
import pandas as pd

from imprint.analysis.best_k import best_k


def rows(accuracies, draws=(0,), seeds=(0,), noise=0.0):
    """Scores with these mean accuracies by k, and noise that differs from draw to draw and k to k."""
    rng = np.random.default_rng(0)
    shift = {draw: rng.normal(0, 0.05) for draw in draws}  # draws differ, all k alike
    return pd.DataFrame(
        [
            {"draw": d, "seed": s, "k": k, "accuracy": a + shift[d] + noise * rng.normal()}
            for k, a in accuracies.items()
            for d in draws
            for s in seeds
        ]
    )


def test_the_smallest_of_equal_ks_is_best():
    level = rows(dict.fromkeys((1, 2, 5, 10), 0.9), draws=range(5))
    assert best_k(level) == (1, 10)


def test_a_clear_gain_is_found_however_different_the_draws_are():
    clear = rows({1: 0.70, 2: 0.75, 5: 0.80, 10: 0.80}, draws=range(5), noise=0.002)
    assert best_k(clear).smallest == 5


def test_on_a_plateau_noise_seldom_chooses():
    smallest, highest = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        # of 500 test images 95% are right by chance, whatever k above 1
        frame = pd.DataFrame(
            {"draw": d, "seed": 0, "k": k, "accuracy": rng.binomial(500, p) / 500}
            for k, p in ((1, 0.6), (3, 0.95), (5, 0.95), (10, 0.95))
            for d in range(5)
        )
        smallest += best_k(frame, test_samples=500).smallest == 3
        highest += frame.groupby("k")["accuracy"].mean().idxmax() == 3
    assert smallest >= 36 > 2 * highest


def test_steady_gains_smaller_than_the_error_of_the_test_samples_do_not_count():
    steady = rows({1: 0.90, 5: 0.990, 10: 0.991, 20: 0.992}, draws=range(5), noise=1e-5)
    assert best_k(steady).smallest == 20
    assert best_k(steady, test_samples=1000) == (5, 20)
    assert best_k(steady, test_samples=1_000_000).smallest == 20


def test_one_draw_is_judged_by_its_seeds_and_one_run_by_equality():
    seeds = rows({1: 0.80, 2: 0.801}, seeds=range(4))
    assert best_k(seeds).smallest == 2
    seeds.loc[seeds["k"] == 2, "accuracy"] += [-0.01, -0.01, 0.01, 0.01]
    assert best_k(seeds) == (1, 2)
    assert best_k(rows({1: 0.80, 2: 0.801})).smallest == 2
    assert best_k(rows({1: 0.80, 2: 0.80})).smallest == 1


def test_ks_with_other_seeds_are_compared_by_their_means():
    apart = pd.concat([rows({1: 0.9}, seeds=(1, 2)), rows({5: 0.9001}, seeds=(3, 4))])
    assert best_k(apart, test_samples=100) == (1, 5)
    better = pd.concat([rows({1: 0.5}, seeds=(1, 2)), rows({5: 0.9}, seeds=(3, 4))])
    assert best_k(better, test_samples=100) == (5, 5)
