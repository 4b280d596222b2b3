"""An example training sample for each proxy, to show instead of the proxy."""

from __future__ import annotations

import numpy as np

from imprint.estimator.incremental import Imprinted, NewSamples
from imprint.method.normalize import lengths


def examples_of(
    before: np.ndarray | None, imprinted: Imprinted, new: NewSamples
) -> np.ndarray | None:
    """Ids (P,) of the samples that are the proxies or, as text, of the sample of the same class with the largest cosine to each.

    Proxies of earlier classes keep their examples.

    Parameters
    ----------
    before : ndarray or None
        Example ids of the proxies of earlier classes; None if unknown.
    imprinted : Imprinted
        All proxies.
    new : NewSamples
        The samples that were added last.
    """
    if imprinted.ids is not None:
        return imprinted.ids
    if new.known and before is None:
        return None
    chosen = []
    for label in np.unique(new.classes[new.classes >= new.known]):
        rows = np.flatnonzero(new.classes == label)
        x = new.normalised[rows]
        # the lengths of proxies do not change the order
        proxies = imprinted.proxies[imprinted.labels == label]
        chosen.append(rows[(proxies @ x.T / lengths(x)).argmax(axis=1)])
    if not chosen:
        return before
    ids = new.ids[np.concatenate(chosen)].astype(str)
    return ids if before is None else np.concatenate([before, ids])
