"""The cell that figures of one FM and task show: which it is, and its proxies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from imprint.analysis.best import best_configuration
from imprint.analysis.frames import rows_of
from imprint.method.configuration import Configuration
from imprint.method.proxies import ProxySet, proxy_set_for
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


def read_cell(
    scores: pd.DataFrame, files: Mapping[str, str | Path], spec: Mapping[str, Any]
) -> tuple[ProxySet, Configuration, int]:
    """Choose the cell to show and read its proxies.

    Parameters
    ----------
    scores : DataFrame
        The scores of the FM and task, of all experiments.
    files : mapping
        Proxy files by GEN.
    spec : mapping
        See `imprint.study.specs.shown_cell`.

    Returns
    -------
    proxies, configuration, seed
        See `choose`.
    """
    configuration, seed = choose(scores, spec)
    k = configuration.k.label
    sets = read_proxies(files[configuration.gen], [k])
    proxies = proxy_set_for(sets, k, configuration.norm_pre, seed, spec["draw"])
    return proxies, configuration, seed
