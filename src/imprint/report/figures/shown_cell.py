"""The cell that a figure of one FM and task shows, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imprint.analysis.selection import method_in_words
from imprint.method.configuration import Configuration


def cell_in_words(description: Mapping[str, Any]) -> str:
    """FM, task, method and seed; `description` is that of a predictions file, with fm and task added."""
    method = method_in_words(Configuration.from_dict(description["configuration"]).columns())
    subject = f"{description['fm']} on {description['task']}"
    return f"{subject}; GEN {method}; seed {description['seed']}"
