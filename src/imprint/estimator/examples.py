"""A training sample for each proxy, to show in its place."""

from __future__ import annotations

import numpy as np

from imprint.estimator.incremental import Imprinted, NewSamples
from imprint.method.normalize import lengths


def examples_of(
    before: np.ndarray | None, imprinted: Imprinted, new: NewSamples
) -> np.ndarray | None:
    """The ids (P,) of the training samples that proxies are, or, as text, of those of their class with the largest cosine to them.

    Proxies of classes that were there before keep theirs.

    Parameters
    ----------
    before : ndarray or None
        The ids for the proxies of the classes before; None if they are not known.
    imprinted : Imprinted
        All proxies.
    new : NewSamples
        The samples that were taken in last.
    """
    if imprinted.ids is not None:
        return imprinted.ids
    if new.known and before is None:
        return None
    chosen = []
    for label in np.unique(new.classes[new.classes >= new.known]):
        rows = np.flatnonzero(new.classes == label)
        x = new.normalised[rows]
        proxies = imprinted.proxies[imprinted.labels == label]  # their lengths change no order
        chosen.append(rows[(proxies @ x.T / lengths(x)).argmax(axis=1)])
    if not chosen:
        return before
    ids = new.ids[np.concatenate(chosen)].astype(str)
    return ids if before is None else np.concatenate([before, ids])
