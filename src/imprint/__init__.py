"""IMPRINT: classification heads for frozen foundation models, computed from a few embeddings, without gradients."""

import importlib
from typing import TYPE_CHECKING, Any

from imprint.store.version import __version__

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.commands import compare, embed
    from imprint.estimator.evaluation import evaluate
    from imprint.estimator.explanation import explain
    from imprint.estimator.export import export

__all__ = [
    "ImprintingClassifier",
    "__version__",
    "compare",
    "embed",
    "evaluate",
    "explain",
    "export",
]

# imported on first use, so that `import imprint` stays instant and no rule seems to depend on the estimator
_MODULES = {
    "ImprintingClassifier": "imprint.estimator.classifier",
    "compare": "imprint.estimator.commands",
    "embed": "imprint.estimator.commands",
    "evaluate": "imprint.estimator.evaluation",
    "explain": "imprint.estimator.explanation",
    "export": "imprint.estimator.export",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'imprint' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
