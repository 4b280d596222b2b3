"""What a comparison says of made-up tables."""

import numpy as np
import pandas as pd

from imprint.estimator.verdict import verdict
from imprint.method.presets import PRESETS

EVEN = np.array([50, 60, 50])


def row(preset, accuracy, difference, high, named=True, **more):
    """A row of a comparison: a preset, or its method without the name."""
    entry = PRESETS[preset]
    return {
        "name": entry.label if named else None,
        **entry.configuration.columns(),
        "reference": entry.reference,
        "accuracy": accuracy,
        "balanced_accuracy": accuracy,
        "difference": difference,
        "high": high,
        "level": high >= 0,
        **more,
    }


def test_a_verdict_names_the_best_and_what_is_level_with_it_and_what_is_below():
    table = pd.DataFrame(
        [
            row("probe", 0.9, 0.0, 0.0),
            row("whiten", 0.89, -0.01, 0.004),
            row("ridge", 0.89, -0.01, 0.004),
            row("westerhoff", 0.814, -0.086, -0.05),
            row("qi", 0.7, -0.2, -0.1, named=False),
        ]
    )
    assert verdict(table, EVEN) == (
        "Best here: Linear probe (reference), 90.0%. Level with it, as far as these images tell: "
        "whitened class means; Ridge (reference). "
        "Below it: 20 k-means centres (Westerhoff et al. 2025) by 8.6 points."
    )


def test_a_verdict_on_fms_takes_each_with_its_best_method():
    table = pd.DataFrame(
        [
            row("whiten", 0.9, 0.0, 0.0, fm="large", low=0.0),
            row("ridge", 0.89, -0.01, 0.004, fm="large", low=-0.024),
            row("lda", 0.89, -0.01, 0.002, fm="middling", low=-0.022),
            row("ridge", 0.8, -0.1, -0.05, fm="small", low=-0.15),
        ]
    )
    assert verdict(table, EVEN) == (
        "Best here: large with whitened class means, 90.0%. Level with it, as far as these images tell: middling, "
        "1.0 points below (-0.2 to 2.2). Below it: small by 10.0 points (5.0 to 15.0)."
    )


def test_a_verdict_says_that_no_head_is_better_than_guessing():
    table = pd.DataFrame([row("qi", 0.45, 0.0, 0.0)])
    few, many = np.array([20, 20, 20]), np.array([200, 200, 200])
    assert verdict(table, many) == "Best here: class means (Qi et al. 2018), 45.0%."
    assert verdict(table, few) == verdict(table, many) + (
        " The best is no better than guessing, as far as these images tell: always naming one class is right in 33.3%."
    )


def test_a_verdict_on_classes_of_different_sizes_counts_each_class_the_same():
    table = pd.DataFrame(
        [
            row("probe", 0.95, 0.0, 0.0, balanced_accuracy=0.55),
            row("qi", 0.8, -0.15, -0.1, balanced_accuracy=0.79, named=False),
        ]
    )
    best = "Best here: Linear probe (reference), 95.0%."
    balanced = " With each class counted the same, the best is class means, 79.0%; the one above has 55.0%."
    guessing = "always naming the largest class is right in"
    assert verdict(table, np.array([800, 200])) == (
        f"{best} Classes differ in size: {guessing} 80.0%.{balanced}"
    )
    assert verdict(table, np.array([190, 10])) == (
        f"{best} The best is no better than guessing, as far as these images tell: {guessing} 95.0%.{balanced}"
    )
    level = table.assign(balanced_accuracy=[0.8, 0.8])
    assert verdict(level, np.array([800, 200])).endswith(
        "With each class counted the same, the best is Linear probe (reference), 80.0%."
    )
