"""Distances by their definitions, in float64."""

import numpy as np


def distances_of(x, p, name):
    """(n, P) distances of embeddings x (n, d) to proxies p (P, d)."""
    x, p = x.astype(np.float64), p.astype(np.float64)
    match name:
        case "inner_product":
            return -x @ p.T
        case "cosine":
            lengths = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(p, axis=1)
            return 1 - x @ p.T / lengths
        case "euclidean":
            return np.linalg.norm(x[:, None] - p, axis=2)
        case "manhattan":
            return np.abs(x[:, None] - p).sum(axis=2)
        case "mahalanobis":
            inverse = np.linalg.inv(np.cov(p, rowvar=False) + 1e-6 * np.eye(p.shape[1]))
            difference = x[:, None] - p
            return np.sqrt(np.einsum("npd,de,npe->np", difference, inverse, difference))
    raise KeyError(name)


def similarities_of(x, p, name):
    """(n, P) similarities: the inner product, the cosine, or the distance with the other sign."""
    if name == "cosine":
        return 1 - distances_of(x, p, name)
    return -distances_of(x, p, name)
