"""The best configuration among scores, chosen on the validation part of the training samples or on test data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imprint.analysis.distinct_rows import distinct
from imprint.analysis.matrices import chosen_on
from imprint.method.configuration import FIELDS, Configuration

if TYPE_CHECKING:
    import pandas as pd


class Best(NamedTuple):
    """A configuration, and the seed nearest to its median on the samples that it was chosen on.

    Attributes
    ----------
    configuration : Configuration
        The configuration.
    seed : int
        The seed.
    accuracy : float
        Median test accuracy over seeds (0 to 1).
    seed_accuracy : float
        Test accuracy of this seed.
    """

    configuration: Configuration
    seed: int
    accuracy: float
    seed_accuracy: float


def best_configuration(scores: pd.DataFrame, methods: Sequence[Configuration]) -> Best:
    """The configuration with the highest median accuracy over seeds, on validation samples if scores have them.

    Parameters
    ----------
    scores : DataFrame
        Rows of one (FM, task, shots).
    methods : sequence of Configuration
        The configurations that can occur in the rows.

    Returns
    -------
    Best
        Ties go to the configuration with the fewest proxies, then to the first in `scores`.
    """
    import pandas as pd

    fields = list(FIELDS)
    number, _ = distinct(scores, fields)
    criterion = chosen_on(scores)
    summary = scores.groupby(number).agg(
        chosen_on=(criterion, "median"),
        accuracy=("accuracy", "median"),
        proxies=("proxies", "median"),
    )
    order = summary.sort_values(["chosen_on", "proxies"], ascending=[False, True], kind="stable")
    rows = scores[number == order.index[0]]
    chosen = rows.iloc[(rows[criterion] - rows[criterion].median()).abs().to_numpy().argmin()]
    values = [None if pd.isna(chosen[name]) else chosen[name] for name in fields]
    configuration = next(m for m in methods if list(m.columns().values()) == values)
    median = float(order["accuracy"].iloc[0])
    return Best(configuration, int(chosen["seed"]), median, float(chosen["accuracy"]))
