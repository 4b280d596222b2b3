"""The cell that figures of one FM and task show: which it is, its task and its proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from imprint.analysis.best import best_configuration
from imprint.analysis.frames import collect, rows_of
from imprint.data.pools import Pool, pool, select, training_rows
from imprint.method.configuration import Configuration
from imprint.method.large_arrays import take_rows
from imprint.method.normalize import FittedNorms
from imprint.method.proxies import ProxySet, proxy_set_for
from imprint.store.embeddings import Embeddings, read_embeddings
from imprint.store.frames import read_parquet
from imprint.store.proxies import read_proxies


def choose(scores: pd.DataFrame, spec: Mapping[str, Any]) -> tuple[Configuration, int]:
    """Choose the cell to show.

    Parameters
    ----------
    scores : DataFrame
        The scores of the FM and task, of all experiments.
    spec : mapping
        See `imprint.study.specs.shown_cell`.

    Returns
    -------
    configuration, seed
        The best configuration among the rows that `spec` names, and its seed that reaches the median accuracy.
    """
    rows = rows_of(scores, [spec])
    methods = [Configuration.from_dict(fields) for fields in spec["configurations"]]
    best = best_configuration(rows[rows["draw"] == spec["draw"]], methods)
    return best.configuration, best.seed


@dataclass(frozen=True, eq=False)
class ShownTask:
    """The task of a shown cell.

    Attributes
    ----------
    training, testing : Pool
        All samples of its datasets.
    rows, y : ndarray of shape (n,)
        The test samples of the task, rows of `testing`, and their labels.
    classes : int
        Number of classes.
    training_rows, training_labels : ndarray of shape (m,)
        The training set of the seed, rows of `training`, and its labels.
    norms : FittedNorms
        NORMs that learn from the training set.
    """

    training: Pool
    testing: Pool
    rows: np.ndarray
    y: np.ndarray
    classes: int
    training_rows: np.ndarray
    training_labels: np.ndarray
    norms: FittedNorms


def shown_task(
    train: Sequence[Embeddings], test: Sequence[Embeddings], seed: int, spec: Mapping[str, Any]
) -> ShownTask:
    """The task of a shown cell.

    train, test: the splits of each dataset of the task. seed: that of the cell. spec: see `imprint.study.specs.shown_cell`.
    """
    training, testing = pool(train), pool(test)
    rows, y, classes = select(testing, spec["draw_groups"])
    drawn, labels, _ = training_rows(training, spec["draw_groups"], spec["groups"][0][2], seed)
    norms = FittedNorms(take_rows(training.x, drawn), labels)
    return ShownTask(training, testing, rows, y, classes, drawn, labels, norms)


def read_inputs(
    files: Any, gens: Sequence[str], spec: Mapping[str, Any]
) -> tuple[list[Embeddings], list[Embeddings], ProxySet, Configuration, int]:
    """Choose the cell to show and read what it is made of.

    Parameters
    ----------
    files : object
        Has lists of paths as attributes: `scores`, the scores of the FM and task, of all experiments; `train` and `test`, the
        embeddings of the task's datasets; and `proxies`, a file for each of `gens`.
    gens : sequence of str
        GENs.
    spec : mapping
        See `imprint.study.specs.shown_cell`.

    Returns
    -------
    train, test, proxies, configuration, seed
        Embeddings, proxies, and the cell: see `choose`.
    """
    scores = collect([read_parquet(path) for path in files.scores])
    configuration, seed = choose(scores, spec)
    k, file = configuration.k.label, files.proxies[list(gens).index(configuration.gen)]
    proxies = proxy_set_for(read_proxies(file, [k]), k, configuration.norm_pre, seed, spec["draw"])
    train, test = ([read_embeddings(path) for path in paths] for paths in (files.train, files.test))
    return train, test, proxies, configuration, seed
