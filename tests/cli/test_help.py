"""The help names every component that a user can choose."""

import re

import pytest

from imprint.method.aggregations import AGGREGATIONS
from imprint.method.distances import DISTANCES
from imprint.method.weightings import WEIGHTINGS


@pytest.mark.parametrize(
    ("option", "names"),
    [("--distance", DISTANCES), ("--weighting", WEIGHTINGS), ("--agg", AGGREGATIONS)],
)
def test_the_help_of_an_option_names_its_values(run, option, names):
    (help_text,) = re.findall(
        rf"^ +{option} .*?(?=^ +-)", run("fit --help"), re.MULTILINE | re.DOTALL
    )
    missing = [name for name in names if name not in help_text]
    assert not missing, (
        f"add {', '.join(missing)} to the help of {option} in imprint/cli/options.py"
    )
