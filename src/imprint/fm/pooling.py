"""Names of what the embedding is, of the outputs of a model's last layer after the final norm."""

from __future__ import annotations

POOLED = "pooled"  # what the model's own classifier takes
CLASS_TOKEN = "class_token"
CLASS_TOKEN_AND_PATCHES = "class_token+patches"  # beside it the mean of the patch tokens
POOLINGS = (POOLED, CLASS_TOKEN, CLASS_TOKEN_AND_PATCHES)
