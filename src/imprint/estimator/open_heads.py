"""Open a head that a user gives as a file or as a fitted classifier."""

from __future__ import annotations

import os
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from imprint.errors import UserError
from imprint.estimator.classifier import ImprintingClassifier
from imprint.store.heads import Head, read_head


def classifier_of(head: str | Path | ImprintingClassifier) -> ImprintingClassifier:
    """The classifier of a head; a `UserError` if it is neither a fitted classifier nor the file of a head."""
    if isinstance(head, ImprintingClassifier):
        check_is_fitted(head)
        return head
    if not isinstance(head, str | os.PathLike):
        raise UserError(
            f"a head is the path of a .safetensors file or a fitted ImprintingClassifier, not {type(head).__name__}"
        )
    return ImprintingClassifier.load(head)


def file_of(head: str | Path | ImprintingClassifier) -> Head:
    """The contents that the file of a head has or would have; a `UserError` if it cannot be saved."""
    return head.as_head() if isinstance(head, ImprintingClassifier) else read_head(head)


def named(head: str | Path | ImprintingClassifier) -> str:
    """The name of a head in messages."""
    return "this head" if isinstance(head, ImprintingClassifier) else str(head)
