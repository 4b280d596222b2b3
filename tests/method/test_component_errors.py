"""An error in a user's component names the component, its file and the line."""

import numpy as np
import pytest

from imprint import ImprintingClassifier
from imprint.errors import UserError

RAISING = """
from imprint.method.distances import distance
from imprint.method.generate import generator
from imprint.method.normalize import normalization, proxy_normalization
from imprint.method.weightings import weighting

def fails(*arguments):
    return {}["key"]

generator("g")(fails)
normalization("n")(fails)
proxy_normalization("p")(fails)
distance("d")(fails)
weighting("w")(fails)
"""


@pytest.mark.parametrize(
    "parts",
    [
        {"gen": "g"},
        {"norm_pre": "n", "norm_inf": "n"},
        {"norm_post": "p"},
        {"distance": "d"},
        {"agg": "mnn", "distance": "euclidean", "m": 2, "weighting": "w"},
    ],
)
def test_an_error_in_a_component_names_it_and_its_line(load, parts):
    load(RAISING)
    y = np.arange(60) % 3
    x = np.random.default_rng(0).normal(size=(60, 5)) + y[:, None]
    name = next(value for value in parts.values() if len(str(value)) == 1 and value != 2)
    with pytest.raises(UserError, match=rf"'{name}' of .*mine.py:8 failed: KeyError: 'key'"):
        ImprintingClassifier(**{"gen": "mean", "norm_post": "none", **parts}).fit(x, y).predict(x)
