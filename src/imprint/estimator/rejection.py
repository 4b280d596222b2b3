"""Samples that fit no class: the label that marks them, and what a head needs to tell them."""

from __future__ import annotations

import numpy as np

from imprint.errors import UserError
from imprint.method.familiarity import Familiarity

REJECTED = "rejected"  # marks samples where labels are no numbers


def require_held_out(familiarity: Familiarity | None, purpose: str) -> Familiarity:
    """What familiarity is measured by; a `UserError` that names the purpose where a head has none."""
    if familiarity is None:
        raise UserError(
            f"{purpose}: no training samples were held out when this head was made; fit anew with method='auto' or "
            "probability=True, or by imprint fit, where a class has two samples at least"
        )
    return familiarity


def outdated(head: object) -> str:
    """What to tell of a head that was changed without measuring its limits anew."""
    return (
        f"probabilities and limits for rejection of {head} were measured before classes or images came or went, since it has "
        "too many images to keep their embeddings; imprint fit on all images makes them suit again"
    )


def mark(classes: np.ndarray) -> int | str:
    """What marks rejected samples beside these classes (C,): -1 or, where labels are no numbers, "rejected".

    Raises
    ------
    UserError
        If it is a class.
    """
    rejected: int | str = -1 if np.issubdtype(classes.dtype, np.number) else REJECTED
    if rejected in classes.tolist():
        raise UserError(
            f"predict: {rejected!r} marks rejected samples, but is a class here; rename the class"
        )
    return rejected


def marked(labels: np.ndarray, rejected: np.ndarray, by: int | str) -> np.ndarray:
    """Labels (n,), of a type that holds the mark, with the mark where the mask `rejected` (n,) says so."""
    if isinstance(by, int):
        labels = labels.astype(np.result_type(labels.dtype, np.int8))
    elif labels.dtype.kind == "U":
        labels = labels.astype(np.result_type(labels.dtype, np.array(by).dtype))
    else:
        labels = labels.astype(object)
    labels[rejected] = by
    return labels
