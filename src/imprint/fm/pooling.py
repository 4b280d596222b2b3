"""Names of the poolings: which outputs of a model's last layer, after the final norm, form the embedding."""

from __future__ import annotations

POOLED = "pooled"  # the input of the model's own classifier
CLASS_TOKEN = "class_token"
CLASS_TOKEN_AND_PATCHES = "class_token+patches"  # concatenated with the mean of the patch tokens
POOLINGS = (POOLED, CLASS_TOKEN, CLASS_TOKEN_AND_PATCHES)
