"""The job of a saved head: the best of an experiment on one FM and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imprint.analysis.best import Best, best_configuration
from imprint.analysis.frames import rows_of
from imprint.data.pools import Groups, Pool, class_names, pool
from imprint.method.configuration import UNIT_LENGTH, Configuration
from imprint.method.normalize import NORMS
from imprint.method.proxies import ProxySet, proxy_set_for
from imprint.store.embeddings import Embeddings
from imprint.store.heads import Head, ids_as_bytes, write_head
from imprint.store.proxies import read_proxies


def save_best_head(
    path: str | Path,
    scores: pd.DataFrame,
    grid: Mapping[str, Any],
    train: Sequence[Embeddings],
    classes: Groups,
    proxy_files: Mapping[tuple[str, str], str],
    checkpoint: str | None,
) -> Best:
    """Save the best head of an experiment on one FM and task.

    Parameters
    ----------
    path : path
        A .safetensors file.
    scores : DataFrame
        The scores of the whole study.
    grid : mapping
        See `imprint.study.specs.selection`, with one group.
    train : sequence of Embeddings
        The training split of each dataset of the task.
    classes : sequence of sequences of int, or None
        The original classes of each class of the task.
    proxy_files : mapping
        The proxy files by GEN and label of k.
    checkpoint : str or None
        The file of the FM's weights, where `imprint predict` looks for them.

    Returns
    -------
    Best
        Its method, seed and accuracy.
    """
    ((_, task, shots),) = grid["groups"]
    methods = [Configuration.from_dict(fields) for fields in grid["configurations"]]
    best = best_configuration(rows_of(scores, [grid]), methods)
    method, samples = best.configuration, pool(train)
    sets = read_proxies(proxy_files[method.gen, method.k.label])
    proxies = proxy_set_for(sets, method.norm_pre, best.seed, 0)
    weights = {"checkpoint": str(Path(checkpoint).resolve())} if checkpoint else {}
    description = {
        "task": task,
        "shots": shots,
        "seed": best.seed,
        "accuracy": best.accuracy,
        "accuracy_is": "median over seeds, on the test split by which this head was chosen",
        "classes": class_names(train, classes),
        "fm": train[0].provenance | weights,
    }
    write_head(path, make_head(samples, proxies, method, description))
    return best


def make_head(
    train: Pool, proxies: ProxySet, method: Configuration, description: Mapping[str, Any]
) -> Head:
    """The head of a proxy set of the workflow.

    Parameters
    ----------
    train : Pool
        The training split of the task's datasets.
    proxies : ProxySet
        Proxies of the method.
    method : Configuration
        What it is.
    description : mapping
        What else the head says of itself: classes, fm, seed and, if known, task, shots, accuracy.
    """
    samples = proxies.samples
    needs_fm = NORMS.find(method.scoring.norm_post).needs_fm_classifier
    return Head(
        proxies.matrix(train.x),
        proxies.labels,
        {
            "configuration": method.as_dict(),
            "unit": samples is not None and method.norm_pre == UNIT_LENGTH,
            "samples": len(train.x),
            **description,
        },
        train.fm_classifier if needs_fm else None,
        {} if samples is None else {"sample_ids": ids_as_bytes(samples)},
    )
