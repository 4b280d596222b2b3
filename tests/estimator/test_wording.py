"""Methods in plain words."""

from imprint.estimator.cross_validation import default_methods
from imprint.estimator.wording import PROXIES, in_words, row_in_words, with_names
from imprint.method.configuration import Configuration, Every, Fixed, Scoring
from imprint.method.generate import GENERATORS


def test_every_gen_that_is_shipped_has_words():
    shipped = {name for name, entry in GENERATORS.items() if not entry.file}
    assert set(PROXIES) == shipped, "add the GEN to PROXIES in imprint/estimator/wording.py"


def test_methods_that_differ_differ_in_words():
    grid = default_methods(list(GENERATORS), [2, 20], ["none", "l2", "whiten+l2"], [5])
    assert len({in_words(method) for method in grid}) == len(set(grid))
    assert [row_in_words(method.columns()) for method in grid] == [
        in_words(method, per_class=False) for method in grid
    ]


def test_what_is_usual_is_unsaid_and_the_rest_keeps_its_name():
    vote = Scoring("l2", "l2", "mnn", "cosine", "distance", 3)
    assert in_words(Configuration("l2", "kmeans", Fixed(5), vote)) == (
        "5 k-means centres per class, 3 vote by cosine (distance)"
    )
    quantiles = Scoring("quantile", "none", "logsumexp", "inner_product", "exponential(0.07)")
    assert in_words(Configuration("none", "all", Every(), quantiles)) == (
        "samples, all of them, NORM none/quantile/none, all count"
    )
    mean = Configuration("l2", "mean", Fixed(1), Scoring("l2", "l2", "max", "inner_product"))
    assert with_names(mean) == "class means (mean, NORM l2/l2/l2, max inner_product)"
