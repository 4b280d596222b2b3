"""The GEN `auto`: a method that is chosen on the training samples of a task."""

from __future__ import annotations

import numpy as np

from imprint.errors import UserError
from imprint.method import costs
from imprint.method.folding import fold
from imprint.method.generate.centers import kmeans, mean
from imprint.method.generate.choose_method import choose
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.registry import (
    AllClasses,
    Generated,
    generator,
)
from imprint.method.normalize import FittedNorms, Whiten, learns
from imprint.method.scoring import candidate_head

# The GENs and NORMs to choose from. They are found by name; imported here, they count in the fingerprint of `auto`
USED = (mean, kmeans, Whiten)


@generator(
    "auto",
    takes_k=False,
    chooses_method=True,
    seeded=True,
    sees_all_classes=True,
    has_bias=True,
    needs_unit_length=True,
    loads="imprint.method.generate.batched_kmeans",
    operations=costs.chosen_method,
)
def chosen_method(x: np.ndarray, y: np.ndarray, run: AllClasses) -> Generated:
    """The proxies of the method chosen by `imprint.method.generate.choose_method.choose`, with its fitted NORMs folded in.

    x: (n, d) training embeddings of unit length, as test embeddings must be.
    """
    norms = FittedNorms(x, y)
    choice = choose(x, y, run.seed, threads=run.threads, norms=norms)
    method = choice.configuration
    k = method.k.number
    normalised = norms.apply_to_embeddings(method.norm_pre, x)
    sets = proxy_sets(normalised, y, method.gen, [k], [run.seed], threads=run.threads)
    proxies, post = sets[k, run.seed], method.scoring.norm_post
    note = f"{method.gen}, k {method.k.label}, {post}: {choice.reason}"
    if not learns(post, method.scoring.norm_inf):
        values = norms.apply_to_proxies(
            method.norm_pre, post, proxies.matrix(normalised), proxies.labels
        )
        return Generated(values, proxies.labels, None, note)
    folded = fold(candidate_head(proxies, x, method.norm_pre, (method.scoring,), norms))
    if folded is None:
        raise UserError(f"GEN auto: the method {method.as_dict()} cannot be folded into proxies")
    plain = folded.candidate
    return Generated(plain.values, plain.labels, plain.bias, note)
