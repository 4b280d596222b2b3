"""Labels of rejected samples, and the note on outdated rejection limits."""

from __future__ import annotations

import numpy as np

from imprint.errors import UserError

REJECTED = "rejected"  # label of rejected samples if labels are not numbers


def outdated(head: object) -> str:
    """The note for a head that changed after its limits were measured."""
    return (
        f"the probabilities and rejection limits of {head} were measured before classes or images were added or removed, because "
        "it has too many images to keep their embeddings; run imprint fit on all images to measure them again"
    )


def mark(classes: np.ndarray) -> int | str:
    """The label of rejected samples for these classes (C,): -1 or, if labels are not numbers, "rejected".

    Raises
    ------
    UserError
        If it is also a class.
    """
    rejected: int | str = -1 if np.issubdtype(classes.dtype, np.number) else REJECTED
    if rejected in classes.tolist():
        raise UserError(
            f"predict: {rejected!r} marks rejected samples, but is also a class here; rename the class"
        )
    return rejected


def marked(labels: np.ndarray, rejected: np.ndarray, by: int | str) -> np.ndarray:
    """Labels (n,) with the mark `by` where the mask `rejected` (n,) is true, in a type that can hold the mark."""
    if isinstance(by, int) and labels.dtype != np.uint64:  # no integers hold uint64 and -1
        labels = labels.astype(np.result_type(labels.dtype, np.int8))
    elif labels.dtype.kind == "U":
        labels = labels.astype(np.result_type(labels.dtype, np.array(by).dtype))
    else:
        labels = labels.astype(object)
    labels[rejected] = by
    return labels
