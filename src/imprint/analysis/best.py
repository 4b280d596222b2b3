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
    """A configuration, the seed nearest to its median test accuracy, and that median (0 to 1)."""

    configuration: Configuration
    seed: int
    accuracy: float


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
    summary = scores.groupby(number).agg(
        chosen_on=(chosen_on(scores), "median"),
        accuracy=("accuracy", "median"),
        proxies=("proxies", "median"),
    )
    order = summary.sort_values(["chosen_on", "proxies"], ascending=[False, True], kind="stable")
    rows = scores[number == order.index[0]]
    median = float(order["accuracy"].iloc[0])
    nearest = (rows["accuracy"] - median).abs().to_numpy().argmin()
    chosen = rows.iloc[nearest]
    values = [None if pd.isna(chosen[name]) else chosen[name] for name in fields]
    configuration = next(m for m in methods if list(m.columns().values()) == values)
    return Best(configuration, int(chosen["seed"]), median)
