"""NORM: how embeddings and proxies are normalised before generation, after it, and at inference.

Importing the package registers the built-in NORMs. NORMs compose: `l2+whiten` is `whiten` after `l2`.
"""

from imprint.method.normalize import quantiles, rows, whitening
from imprint.method.normalize.chains import are_combined, chain, learns, norms_problem
from imprint.method.normalize.fitted_norms import FittedNorms, apply, apply_to_all_proxies
from imprint.method.normalize.registry import NORMS, normalization, proxy_normalization
from imprint.method.normalize.rows import l2, lengths
from imprint.method.normalize.whitening import Center, Whiten

__all__ = [
    "NORMS",
    "Center",
    "FittedNorms",
    "Whiten",
    "apply",
    "apply_to_all_proxies",
    "are_combined",
    "chain",
    "l2",
    "learns",
    "lengths",
    "normalization",
    "norms_problem",
    "proxy_normalization",
    "quantiles",
    "rows",
    "whitening",
]
