"""The job that writes a collapse file: NC1, VCI and related quantities of one task, for each draw and split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from imprint.analysis.frames import compact, task_columns
from imprint.data.pools import Pool, require_test_samples, select
from imprint.method.collapse import collapse
from imprint.method.large_arrays import take_rows
from imprint.method.score_names import NC1_SPLITS, TEST_SPLIT
from imprint.store.block_cache import Blocks, Work, block_key, digest


def measure_collapse(
    train: Pool,
    test: Pool,
    spec: Mapping[str, Any],
    blocks: Blocks | None = None,
    code: str = "",
) -> tuple[pd.DataFrame, Work]:
    """Measure the neural collapse of a task's training and test embeddings.

    Parameters
    ----------
    train, test : Pool
        The training and the test split of the task's datasets.
    spec : mapping
        See `imprint.study.specs.collapse`.
    blocks : Blocks, optional
        Results of earlier runs with the same `code`, one block for each draw and split.
    code : str, optional
        Fingerprint of the code that the numbers depend on.

    Returns
    -------
    frame : DataFrame
        A row for each draw and split.
    work : Work
        How many (draw, split) pairs were computed and how many reused.

    Raises
    ------
    UserError
        If no draw has test samples.
    """
    blocks = blocks or Blocks()
    of_task = task_columns(spec)
    work = Work()
    rows: list[dict[str, Any]] = []
    for split, samples in zip(NC1_SPLITS, (train, test), strict=True):
        data = [samples.content, digest(samples.y)]
        for draw, merged in enumerate(spec["draws"]):
            key = block_key(code, data, merged)
            block = blocks.get(key)
            work.add(requested=1, computed=int(block is None))
            if block is None:
                chosen, y, classes = select(samples, merged)
                block = json.dumps(
                    asdict(collapse(take_rows(samples.x, chosen), y, classes))
                ).encode()
                blocks.put(key, block)
            rows.append({**of_task, "draw": draw, "split": split, **json.loads(block)})
    test_samples = {row["draw"]: row["samples"] for row in rows if row["split"] == TEST_SPLIT}
    require_test_samples(spec["task"], test_samples.values())
    frame = pd.DataFrame([{**row, "test_samples": test_samples[row["draw"]]} for row in rows])
    return compact(frame), work
