"""A head that a user names, by its file or as a fitted classifier."""

from __future__ import annotations

import os
from pathlib import Path

from imprint.errors import UserError
from imprint.estimator.classifier import ImprintingClassifier
from imprint.store.heads import Head, read_head


def opened(head: str | Path | ImprintingClassifier) -> tuple[ImprintingClassifier, Head]:
    """The classifier and what its file holds.

    Raises
    ------
    UserError
        If it is neither a file of a head nor a fitted classifier.
    """
    if isinstance(head, ImprintingClassifier):
        return head, head.as_head()
    if not isinstance(head, str | os.PathLike):
        raise UserError(
            f"a head is the path of a .safetensors file or a fitted ImprintingClassifier, not {type(head).__name__}"
        )
    return ImprintingClassifier.load(head), read_head(head)


def named(head: str | Path | ImprintingClassifier) -> str:
    """What messages call it."""
    return "this head" if isinstance(head, ImprintingClassifier) else str(head)
