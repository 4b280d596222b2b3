"""IMPRINT: classification heads for frozen foundation models, computed from a few embeddings, without gradients."""

import importlib
from typing import TYPE_CHECKING, Any

from imprint.version import __version__

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

__all__ = ["ImprintingClassifier", "__version__"]


def __getattr__(name: str) -> Any:
    # by name, so that `import imprint` stays instant and no rule is taken to depend on the estimator
    if name == "ImprintingClassifier":
        return importlib.import_module("imprint.estimator.classifier").ImprintingClassifier
    raise AttributeError(f"module 'imprint' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), "ImprintingClassifier"]
