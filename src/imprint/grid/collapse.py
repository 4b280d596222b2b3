"""The job of a collapse file: NC1, VCI and company of one task, over draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from imprint import collapse
from imprint.data.tasks import Pool, select
from imprint.grid.tidy import compact


def measure_collapse(train: Pool, spec: Mapping[str, Any]) -> pd.DataFrame:
    """NC1, VCI and company of a task's training embeddings: a row for each draw."""
    rows = []
    for draw, (x, y, classes) in enumerate(_draws(train, spec)):
        measured = collapse.collapse(x, y, classes)
        head = {
            "fm": spec["fm"],
            "task": spec["task"],
            "family": spec["family"],
            "d": spec["d"],
            "draw": draw,
        }
        rows.append({**head, **asdict(measured)})
    return compact(pd.DataFrame(rows))


def _draws(train: Pool, spec: Mapping[str, Any]) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    for groups in spec["draws"]:
        rows, y, classes = select(train, groups)
        yield train.x[rows], y, classes
