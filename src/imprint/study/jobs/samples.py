"""The job that writes a samples file: some training images of each class and dataset of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from imprint.data.pools import class_names, pool, sample_names, select
from imprint.store.embeddings import Embeddings

EACH = 12  # images of each class and dataset, at most
SEED = 0


def samples(
    train: Sequence[Embeddings], spec: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Draw training images of one task, with a fixed seed.

    If a class unites several original classes, each of these gives one image before any gives a second.

    Parameters
    ----------
    train : sequence of Embeddings
        The training split of each dataset of the task.
    spec : mapping
        See `imprint.study.shown.samples`.

    Returns
    -------
    table : DataFrame
        A row per image: label (number of the class in the task), dataset, id, in the order in which they are shown.
    description : dict
        classes: names of the classes; datasets: their names in the task's order.
    """
    pooled = pool(train)
    rows, labels, _ = select(pooled, spec["draw_groups"])
    datasets, ids = sample_names(train, spec["datasets"])
    images = pd.DataFrame(
        {
            "label": labels,
            "dataset": datasets[rows],
            "id": ids[rows],
            "original": pooled.y[rows],
        }
    )
    shuffled = images.iloc[np.random.default_rng(SEED).permutation(len(images))]
    turn = shuffled.groupby(["dataset", "original"], sort=False).cumcount()
    ordered = shuffled.assign(turn=turn).sort_values(["label", "turn", "original"], kind="stable")
    table = ordered.groupby(["label", "dataset"], sort=False).head(EACH)
    description = {
        "classes": class_names(train, spec["draw_groups"]),
        "datasets": list(spec["datasets"]),
    }
    return table[["label", "dataset", "id"]].reset_index(drop=True), description
