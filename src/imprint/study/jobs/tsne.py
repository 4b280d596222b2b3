"""The job of a t-SNE file: places in the plane for the test embeddings of one task and the proxies of one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from imprint.data.pools import Pool, class_names
from imprint.errors import UserError
from imprint.method.configuration import Configuration
from imprint.method.normalize import FittedNorms, l2
from imprint.method.proxies import ProxySet
from imprint.store.embeddings import Embeddings
from imprint.study.jobs.shown_cell import shown_task

MOST, MOST_PROXIES = 2_000, 500  # samples and proxies shown
COMPONENTS = 50  # of PCA before
PERPLEXITY = 30
FEWEST = 4
SEED = 0


def tsne(
    train: Sequence[Embeddings],
    test: Sequence[Embeddings],
    proxies: ProxySet,
    configuration: Configuration,
    seed: int,
    spec: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Place test embeddings and proxies together: t-SNE (van der Maaten 2008) of their directions in the method's space.

    Test embeddings are taken after NORMinf and what NORMpost learnt, proxies after NORMpost; then both have length 1.

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
        See `imprint.study.specs.shown_cell`.

    Returns
    -------
    table : DataFrame
        A row for each sample and proxy shown: x, y, label (number of the class in the task), name (of that class),
        original (number of the original class, over all datasets), dataset, proxy (whether it is one; then original
        is -1 and dataset empty).
    description : dict
        How they were placed, and the cell.
    """
    task = shown_task(train, test, seed, spec)
    testing, rows, norms = task.testing, task.rows, task.norms
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:MOST])
    if len(chosen) < FEWEST:
        raise UserError(f"{len(chosen)} test samples are too few for t-SNE; it takes {FEWEST}")
    pre, scoring = configuration.norm_pre, configuration.scoring
    x = norms.of_queries(pre, scoring.norm_post, scoring.norm_inf, testing.x[rows[chosen]])
    near = np.sort(np.random.default_rng(SEED).permutation(len(proxies.labels))[:MOST_PROXIES])
    centres = _after_norms(proxies, task.training, norms, configuration)[near]
    names = np.array(class_names(test, spec["draw_groups"]), object)
    datasets = np.repeat(np.array(spec["datasets"], object), [len(part.y) for part in test])
    perplexity = min(PERPLEXITY, (len(x) - 1) // 3)
    places = _places(np.concatenate([l2(x), l2(centres)]), perplexity)
    label = np.concatenate([task.y[chosen], proxies.labels[near]])
    table = pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "label": label,
            "name": names[label],
            "original": np.concatenate([testing.y[rows[chosen]], np.full(len(near), -1)]),
            "dataset": np.concatenate([datasets[rows[chosen]], np.full(len(near), "", object)]),
            "proxy": np.arange(len(label)) >= len(x),
        }
    )
    description = {
        "shown": len(x),
        "samples": len(rows),
        "proxies_shown": len(near),
        "proxies": len(proxies.labels),
        "perplexity": perplexity,
        "configuration": configuration.as_dict(),
        "seed": seed,
    }
    return table, description


def _after_norms(
    proxies: ProxySet, training: Pool, norms: FittedNorms, configuration: Configuration
) -> np.ndarray:
    """The proxies (P, D) after NORMpost."""
    pre, post = configuration.norm_pre, configuration.scoring.norm_post
    values = proxies.values
    if proxies.samples is not None:
        values = norms.of_embeddings(pre, training.x[proxies.samples])
    assert values is not None
    return norms.of_proxies(pre, post, values, proxies.labels, training.fm_classifier)


def _places(x: np.ndarray, perplexity: int) -> np.ndarray:
    """Places (n, 2) in the plane for directions (n, D)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    x = PCA(min(COMPONENTS, *x.shape), random_state=SEED).fit_transform(x)
    method = TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1)
    with threadpool_limits(limits=1):  # more make it slower at this size
        places: np.ndarray = method.fit_transform(x)
    return places
