"""The cell that the figures of one FM and task show, with its task and proxies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from imprint.analysis.best import best_configuration
from imprint.analysis.frames import collect, rows_of
from imprint.data.pools import pool, select, training_rows
from imprint.method.configuration import Configuration
from imprint.method.large_arrays import take_rows
from imprint.method.normalize import FittedNorms
from imprint.method.proxies import ProxySet, proxy_set_for
from imprint.method.user_files import load_file
from imprint.store.embeddings import Embeddings, read_embeddings
from imprint.store.frames import read_parquet
from imprint.store.proxies import read_proxies


class ShownCell:
    """A shown cell: its method, task and proxies.

    Parameters
    ----------
    train, test : sequences of Embeddings
        The splits of each dataset of the task.
    proxies : ProxySet
        Proxies of the configuration.
    configuration : Configuration
        The method.
    seed : int
        Seed of the cell.
    spec : mapping
        See `imprint.study.shown.cell`.

    Attributes
    ----------
    training, testing : Pool
        All samples of the task's datasets.
    rows, y : ndarray of shape (n,)
        The test samples of the task, rows of `testing`, and their labels.
    classes : int
        Number of classes.
    training_rows, training_labels : ndarray of shape (m,)
        The training set of the seed, rows of `training`, and its labels.
    norms : FittedNorms
        NORMs fitted on the training set.
    """

    def __init__(
        self,
        train: Sequence[Embeddings],
        test: Sequence[Embeddings],
        proxies: ProxySet,
        configuration: Configuration,
        seed: int,
        spec: Mapping[str, Any],
    ) -> None:
        self.train, self.test, self.proxies = train, test, proxies
        self.configuration, self.seed, self.spec = configuration, seed, spec
        merged = spec["draw_groups"]
        (group,) = spec["groups"]
        _, _, shots = group
        self.training = pool(train)
        self.testing = pool(test, self.training)
        self.rows, self.y, self.classes = select(self.testing, merged)
        self.training_rows, self.training_labels, _ = training_rows(
            self.training, merged, shots, seed
        )
        x = take_rows(self.training.x, self.training_rows)
        self.norms = FittedNorms(x, self.training_labels)


def choose(scores: pd.DataFrame, spec: Mapping[str, Any]) -> tuple[Configuration, int]:
    """Choose the cell to show.

    Parameters
    ----------
    scores : DataFrame
        The scores of the FM and task, of all experiments.
    spec : mapping
        See `imprint.study.shown.cell`.

    Returns
    -------
    configuration, seed
        The best configuration among the rows that `spec` names, and its seed that reaches the median accuracy.
    """
    rows = rows_of(scores, [spec])
    methods = [Configuration.from_dict(fields) for fields in spec["configurations"]]
    best = best_configuration(rows[rows["draw"] == spec["draw"]], methods)
    return best.configuration, best.seed


def read_shown_cell(files: Any, params: Any) -> ShownCell:
    """Choose the cell to show and read its data.

    Parameters
    ----------
    files : object
        Has lists of paths as attributes: `scores`, the scores of the FM and task, of all experiments; `train` and `test`, the
        embeddings of the task's datasets; and `proxies`, a file for each of `gens`.
    params : object
        Has `gens`, names of GENs; `components`, the user's files to load; and `spec`, the JSON of
        `imprint.study.shown.cell`.
    """
    for file in params.components:
        load_file(file)
    spec = json.loads(params.spec)
    configuration, seed = choose(collect([read_parquet(path) for path in files.scores]), spec)
    k, file = configuration.k.label, files.proxies[list(params.gens).index(configuration.gen)]
    proxies = proxy_set_for(read_proxies(file, [k]), k, configuration.norm_pre, seed, spec["draw"])
    train, test = ([read_embeddings(path) for path in paths] for paths in (files.train, files.test))
    return ShownCell(train, test, proxies, configuration, seed, spec)
