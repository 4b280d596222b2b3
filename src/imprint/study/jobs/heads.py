"""The job that saves the best head of an experiment on one FM and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imprint.analysis.best import Best, best_configuration
from imprint.analysis.frames import rows_of
from imprint.analysis.matrices import chosen_on
from imprint.data.pools import MergedClasses, Pool, class_names, pool, training_rows
from imprint.method.components import components_of
from imprint.method.configuration import UNIT_LENGTH, Configuration
from imprint.method.large_arrays import take_rows
from imprint.method.normalize import FittedNorms, chain
from imprint.method.proxies import ProxySet, proxy_set_for
from imprint.method.user_files import users_codes
from imprint.store.embeddings import Embeddings
from imprint.store.heads import Head, ids_as_bytes, write_head
from imprint.store.proxies import read_proxies


def save_best_head(
    path: str | Path,
    scores: pd.DataFrame,
    grid: Mapping[str, Any],
    train: Sequence[Embeddings],
    classes: MergedClasses,
    proxy_files: Mapping[str, str],
    checkpoint: str | None,
) -> Best:
    """Save the best head of an experiment on one FM and task.

    Parameters
    ----------
    path : path
        A .safetensors file.
    scores : DataFrame
        The scores of the FM and task, of all experiments.
    grid : mapping
        See `imprint.study.selections.selection`, with one group.
    train : sequence of Embeddings
        The training split of each dataset of the task.
    classes : sequence of sequences of int, or None
        The original classes of each class of the task.
    proxy_files : mapping
        The proxy files by GEN.
    checkpoint : str or None
        The file of the FM's weights, from which `imprint predict` loads them.

    Returns
    -------
    Best
        Method, seed and accuracy of the head.
    """
    (group,) = grid["groups"]
    _, task, shots = group
    methods = [Configuration.from_dict(fields) for fields in grid["configurations"]]
    rows_of_grid = rows_of(scores, [grid])
    best = best_configuration(rows_of_grid, methods)
    validated = chosen_on(rows_of_grid) != "accuracy"
    method, samples = best.configuration, pool(train)
    k = method.k.label
    sets = read_proxies(proxy_files[method.gen], [k])
    proxies = proxy_set_for(sets, k, method.norm_pre, best.seed, 0)
    weights = {"checkpoint": str(Path(checkpoint).resolve())} if checkpoint else {}
    rows, y, count = training_rows(samples, classes, shots, best.seed)
    description = {
        "task": task,
        "shots": shots,
        "seed": best.seed,
        "accuracy": best.accuracy,
        "seed_accuracy": best.seed_accuracy,
        "accuracy_is": "median over seeds on the test split; this head was chosen on the "
        + ("validation part of the training split" if validated else "same test split"),
        "classes": class_names(train, classes),
        "samples": len(y),
        "class_counts": np.bincount(y, minlength=count).tolist(),
        "fm": train[0].provenance | weights,
    }
    norms = FittedNorms(take_rows(samples.x, rows), y)
    write_head(path, make_head(samples, proxies, method, description, norms))
    return best


def make_head(
    train: Pool,
    proxies: ProxySet,
    method: Configuration,
    description: Mapping[str, Any],
    norms: FittedNorms | None = None,
) -> Head:
    """Make the head of a proxy set of the workflow.

    Parameters
    ----------
    train : Pool
        The training split of the task's datasets.
    proxies : ProxySet
        Proxies of the method.
    method : Configuration
        The method.
    description : mapping
        Further facts to store with the head: classes, samples, fm, seed and, if known, task, shots and accuracy.
    norms : FittedNorms, optional
        The NORMs of the training set; needed if one is fitted.
    """
    scoring = method.scoring
    norms = norms or FittedNorms()
    norms.learn(*method.norms)
    samples, codes = proxies.samples, users_codes(components_of(method))
    needs_fm = chain(scoring.norm_post).needs_fm_classifier
    return Head(
        proxies=proxies.matrix(train.x),
        labels=proxies.labels,
        description={
            "configuration": method.as_dict(),
            "unit": samples is not None and method.norm_pre == UNIT_LENGTH,
            "embedding_size": train.x.shape[1],
            **({} if train.scale == 1 else {"scale": train.scale}),
            **({"components": codes} if codes else {}),
            **description,
        },
        fm_classifier=train.fm_classifier if needs_fm else None,
        state={} if samples is None else {"sample_ids": ids_as_bytes(samples)},
        bias=proxies.bias,
        norms=norms.state(),
    )
