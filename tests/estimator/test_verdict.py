"""What a comparison says of made-up tables."""

import pandas as pd

from imprint.estimator.verdict import verdict


def row(name, accuracy, difference, high, **more):
    return {"name": name, "accuracy": accuracy, "difference": difference, "high": high, **more}


def test_a_verdict_names_the_best_and_what_is_level_with_it_and_what_is_below():
    table = pd.DataFrame(
        [
            row("linear probe", 0.9, 0.0, 0.0),
            row("ridge", 0.89, -0.01, 0.004),
            row("k-means", 0.814, -0.086, -0.05),
            row(None, 0.7, -0.2, -0.1),
        ]
    )
    assert verdict(table) == (
        "Best here: linear probe, 90.0%. Level with it, as far as these images tell: ridge. "
        "Below it: k-means by 8.6 points."
    )


def test_a_verdict_on_fms_takes_each_with_its_best_method():
    table = pd.DataFrame(
        [
            row("whiten", 0.9, 0.0, 0.0, fm="large"),
            row("ridge", 0.89, -0.01, 0.004, fm="large"),
            row("ridge", 0.8, -0.1, -0.05, fm="small"),
        ]
    )
    assert verdict(table) == "Best here: large with whiten, 90.0%. Below it: small by 10.0 points."
