"""The job of a t-SNE file: places in the plane for the test embeddings of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from imprint.data.pools import class_names, pool, select
from imprint.errors import UserError
from imprint.method.normalize import l2
from imprint.store.embeddings import Embeddings

MOST = 2_000  # samples shown
COMPONENTS = 50  # of PCA before
PERPLEXITY = 30
FEWEST = 4
SEED = 0


def tsne(
    test: Sequence[Embeddings], spec: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A row for each sample shown, and how they were placed: t-SNE of the l2-normalised embeddings (van der Maaten 2008).

    Columns: x, y, label (number of the class in the task), name (of that class), original (number of the original
    class, over all datasets), dataset. test: of each dataset of the task. spec: see `Study.embedded`.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    pooled = pool(test)
    rows, y, _ = select(pooled, spec["draw_groups"])
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:MOST])
    x = l2(pooled.x[rows[chosen]])
    if len(x) < FEWEST:
        raise UserError(f"{len(x)} test samples are too few for t-SNE; it takes {FEWEST}")
    x = PCA(min(COMPONENTS, *x.shape), random_state=SEED).fit_transform(x)
    perplexity = min(PERPLEXITY, (len(x) - 1) // 3)
    with threadpool_limits(limits=1):  # more make it slower at this size
        places = TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1).fit_transform(
            x
        )
    names = np.array(class_names(test, spec["draw_groups"]), object)
    datasets = np.repeat(np.array(spec["datasets"], object), [len(part.y) for part in test])
    table = pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "label": y[chosen],
            "name": names[y[chosen]],
            "original": pooled.y[rows[chosen]],
            "dataset": datasets[rows[chosen]],
        }
    )
    about = {"shown": len(x), "samples": len(rows), "perplexity": perplexity, "seed": SEED}
    return table, about
