"""The job of a collapse file: NC1, VCI and company of one task, over draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from imprint import collapse
from imprint.data.tasks import Pool, select
from imprint.grid.tidy import compact
from imprint.kept import Kept, Work, digest, key


def measure_collapse(
    train: Pool, spec: Mapping[str, Any], kept: Kept | None = None, code: str = ""
) -> tuple[pd.DataFrame, Work]:
    """NC1, VCI and company of a task's training embeddings: a row for each draw.

    spec: see `Study.collapse`. kept: blocks of earlier runs of the same `code`, one a draw.
    """
    kept = kept or Kept()
    data, work, rows = digest(train.x, train.y), Work(), []
    for draw, groups in enumerate(spec["draws"]):
        name = key(code, data, groups)
        block = kept.get(name)
        work.add(block is None)
        if block is None:
            chosen, y, classes = select(train, groups)
            block = json.dumps(asdict(collapse.collapse(train.x[chosen], y, classes))).encode()
            kept.put(name, block)
        head = {name: spec[name] for name in ("fm", "task", "family", "d")}
        rows.append({**head, "draw": draw, **json.loads(block)})
    return compact(pd.DataFrame(rows)), work
