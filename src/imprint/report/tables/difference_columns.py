"""A difference of two methods over datasets, as columns of a table."""

from __future__ import annotations

from typing import Any

from imprint.analysis.differences import Difference

DIFFERENCE_COLUMNS = ["datasets", "better", "worse", "95% low (points)", "95% high (points)"]


def difference_columns(difference: Difference) -> dict[str, Any]:
    """The number of datasets, on how many of them the first method is better and worse, and the interval."""
    values = (
        difference.datasets,
        difference.better,
        difference.worse,
        difference.low,
        difference.high,
    )
    return dict(zip(DIFFERENCE_COLUMNS, values, strict=True))
