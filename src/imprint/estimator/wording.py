"""Methods in plain words, for the terminal; files and `--json` name the parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imprint.method.aggregations import AGGREGATIONS
from imprint.method.configuration import (
    FIELDS,
    IDENTITY,
    UNIFORM,
    UNIT_LENGTH,
    Configuration,
    Scoring,
)
from imprint.method.generate import GENERATORS
from imprint.method.presets import PRESETS

# not next to the code of the GENs, where a change of wording would run studies again
PROXIES = {
    "mean": "class means",
    "kmeans": "k-means centres",
    "minibatch_kmeans": "mini-batch k-means centres",
    "kmedoids": "medoids",
    "pam": "medoids by PAM",
    "random": "random samples",
    "fps": "samples far apart",
    "cov_max": "samples of largest covariance",
    "all": "samples, all of them",
    "ls": "least squares",
    "kls": "least squares of k-means clusters",
    "auto": "choice by the samples (auto)",
    "logistic": "linear probe",
    "ridge": "ridge regression",
    "ridge_balanced": "balanced ridge regression",
    "ridge_origin": "ridge regression through the origin",
}


def in_words(method: Configuration, *, per_class: bool = True) -> str:
    """A method in plain words; unusual parts keep their names.

    The usual parts are left out: embeddings and proxies of unit length, and the most similar proxy decides.

    Parameters
    ----------
    method : Configuration
        The method.
    per_class : bool, default=True
        Whether to add "per class" to the number of proxies.

    Examples
    --------
    >>> whitened, plain = PRESETS["whiten"].configuration, PRESETS["westerhoff"].configuration
    >>> in_words(whitened), in_words(plain)
    ('whitened class means', '20 k-means centres per class')
    """
    entry = GENERATORS.get(method.gen)
    takes_k = entry is not None and entry.takes_k
    proxies = PROXIES.get(method.gen, f"proxies by {method.gen}")
    whitened = method.norms == PRESETS["whiten"].configuration.norms
    text = f"whitened {proxies}" if whitened else proxies
    if takes_k:
        text = f"{method.k.label} {text}" + (" per class" if per_class else "")
    unit = method.norms == PRESETS["westerhoff"].configuration.norms
    with_bias = entry is not None and (entry.has_bias or entry.chooses_method)
    if with_bias and method.norms == (UNIT_LENGTH, IDENTITY, UNIT_LENGTH):
        unit = True  # weights with a bias allow no other NORMs
    if not whitened and not unit:
        names = set(method.norms)
        text += f", NORM {names.pop() if len(names) == 1 else '/'.join(method.norms)}"
    return text + _decision(method.scoring)


def with_names(method: Configuration) -> str:
    """A method in plain words and, in brackets, the names of its parts."""
    return f"{in_words(method)} ({method.text})"


def row_in_words(row: Mapping[str, Any]) -> str:
    """The method of a row of a comparison, see `imprint.estimator.cross_validation.compare_fms`."""
    import pandas as pd

    fields: dict[str, Any] = {name: None if pd.isna(row[name]) else row[name] for name in FIELDS}
    entry = GENERATORS.get(fields["gen"])
    if entry is not None and entry.only_k is not None:
        fields["k"] = entry.only_k.label
    return in_words(Configuration.from_dict(fields), per_class=False)


def _decision(scoring: Scoring) -> str:
    """How the class is decided, if not by the largest inner product."""
    distance = scoring.distance
    agg = AGGREGATIONS.get(scoring.agg)
    if agg is None:  # of a user's file that is not loaded
        return f", {scoring.agg} by {distance}"
    named = "" if distance == agg.default_distance else f" by {distance}"
    if agg.class_scores is not None:
        return f", {agg.name if agg.of_user else 'all count'}{named}"
    if scoring.neighbours > 1:
        weighted = f" ({scoring.weighting})" if scoring.weighting not in (None, UNIFORM) else ""
        return f", {scoring.neighbours} vote{named}{weighted}"
    return "" if scoring.is_best_product else f", nearest by {distance}"
