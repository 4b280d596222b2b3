"""Samples that fit no class: the label that marks them, and what a head needs to tell them."""

from __future__ import annotations

import numpy as np

from imprint.errors import UserError

REJECTED = "rejected"  # marks samples where labels are no numbers


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
