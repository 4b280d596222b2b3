"""IMPRINT: classification heads for frozen foundation models, computed from a few embeddings, without gradients."""

__version__ = "0.1.0"
