"""NORM: how embeddings and proxies are normalised before generation, after it, and at inference.

Importing the package registers the built-in NORMs. NORMs compose: `l2+whiten` is `whiten` after `l2`.
"""

from imprint.method.normalize import fitted, quantiles, rows
from imprint.method.normalize.chains import are_combined, chain, learns, norms_problem
from imprint.method.normalize.fitted import Center, Whiten
from imprint.method.normalize.registry import NORMS, normalization, proxy_normalization
from imprint.method.normalize.rows import l2, lengths
from imprint.method.normalize.training import FittedNorms, apply, of_all_proxies

__all__ = [
    "NORMS",
    "Center",
    "FittedNorms",
    "Whiten",
    "apply",
    "are_combined",
    "chain",
    "fitted",
    "l2",
    "learns",
    "lengths",
    "normalization",
    "norms_problem",
    "of_all_proxies",
    "proxy_normalization",
    "quantiles",
    "rows",
]
