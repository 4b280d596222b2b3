"""The job of a collapse file: NC1, VCI and company of one task, over draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from imprint.analysis.frames import compact
from imprint.data.pools import Pool, select
from imprint.method.collapse import collapse
from imprint.store.blocks import Blocks, Work, block_key, digest


def measure_collapse(
    train: Pool, spec: Mapping[str, Any], blocks: Blocks | None = None, code: str = ""
) -> tuple[pd.DataFrame, Work]:
    """Measure the neural collapse of a task's training embeddings.

    Parameters
    ----------
    train : Pool
        The training split of the task's datasets.
    spec : mapping
        See `imprint.study.specs.collapse`.
    blocks : Blocks, optional
        Finished draws of earlier runs of the same `code`.
    code : str, optional
        Fingerprint of what decides the numbers.

    Returns
    -------
    frame : DataFrame
        A row for each draw.
    work : Work
        How many draws were computed.
    """
    blocks = blocks or Blocks()
    data, work, rows = digest(train.x, train.y), Work(), []
    for draw, groups in enumerate(spec["draws"]):
        key = block_key(code, data, groups)
        block = blocks.get(key)
        work.add(block is None)
        if block is None:
            chosen, y, classes = select(train, groups)
            block = json.dumps(asdict(collapse(train.x[chosen], y, classes))).encode()
            blocks.put(key, block)
        of_task = {name: spec[name] for name in ("fm", "task", "family", "d")}
        rows.append({**of_task, "draw": draw, **json.loads(block)})
    return compact(pd.DataFrame(rows)), work
