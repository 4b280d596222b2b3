"""The job that writes a t-SNE file: positions in the plane of a task's test embeddings and one cell's proxies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from imprint.data.pools import class_names
from imprint.errors import UserError
from imprint.method.normalize import l2
from imprint.study.jobs.shown_cell import ShownCell

MOST_SAMPLES, MOST_PROXIES = 2_000, 500  # samples and proxies shown, at most
COMPONENTS = 50  # of the PCA before t-SNE
PERPLEXITY = 30
FEWEST = 4  # test samples
SEED = 0


def tsne(cell: ShownCell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Map test embeddings and proxies to the plane together, by t-SNE (van der Maaten 2008).

    Test embeddings are taken after NORMinf and the fitted steps of NORMpost, proxies after NORMpost; both are then scaled to
    length 1.

    Returns
    -------
    table : DataFrame
        A row for each sample and proxy shown: x, y, label (number of the class in the task), name (of that class),
        original (number of the original class, over all datasets), dataset, proxy (True for a proxy, whose original
        is -1 and dataset empty).
    description : dict
        Numbers of samples and proxies, the perplexity, and the cell.
    """
    testing, rows, proxies, spec = cell.testing, cell.rows, cell.proxies, cell.spec
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:MOST_SAMPLES])
    if len(chosen) < FEWEST:
        raise UserError(f"{len(chosen)} test samples are too few for t-SNE; it needs {FEWEST}")
    pre, scoring = cell.configuration.norm_pre, cell.configuration.scoring
    x = cell.norms.apply_to_queries(
        pre, scoring.norm_post, scoring.norm_inf, testing.x[rows[chosen]]
    )
    near = np.sort(np.random.default_rng(SEED).permutation(len(proxies.labels))[:MOST_PROXIES])
    centres = _after_norms(cell)[near]
    names = np.array(class_names(cell.test, spec["draw_groups"]), object)
    sizes = [len(part.y) for part in cell.test]
    datasets = np.repeat(np.array(spec["datasets"], object), sizes)
    perplexity = min(PERPLEXITY, (len(x) - 1) // 3)
    places = _places(np.concatenate([l2(x), l2(centres)]), perplexity)
    label = np.concatenate([cell.y[chosen], proxies.labels[near]])
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
        "configuration": cell.configuration.as_dict(),
        "seed": cell.seed,
    }
    return table, description


def _after_norms(cell: ShownCell) -> np.ndarray:
    """The proxies (P, D) after NORMpost."""
    pre, post = cell.configuration.norm_pre, cell.configuration.scoring.norm_post
    proxies, training = cell.proxies, cell.training
    values = proxies.values
    if proxies.samples is not None:
        values = cell.norms.apply_to_embeddings(pre, training.x[proxies.samples])
    assert values is not None
    return cell.norms.apply_to_proxies(pre, post, values, proxies.labels, training.fm_classifier)


def _places(x: np.ndarray, perplexity: int) -> np.ndarray:
    """Positions (n, 2) in the plane of unit vectors (n, D)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    x = PCA(min(COMPONENTS, *x.shape), random_state=SEED).fit_transform(x)
    method = TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1)
    with threadpool_limits(limits=1):  # more threads make it slower at this size
        places: np.ndarray = method.fit_transform(x)
    return places
