"""The cell that a figure of one FM and task shows, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imprint.analysis.gens import has_choice_of_k
from imprint.analysis.selection import describe
from imprint.method.configuration import parse_k


def cell_in_words(description: Mapping[str, Any]) -> str:
    """FM, task, method and seed; `description` is that of a predictions file, with fm and task added."""
    configuration, seed = description["configuration"], description["seed"]
    gen, k = configuration["gen"], parse_k(configuration["k"])
    method = f"{gen} with k = {k.label}" if has_choice_of_k(gen, [k.column]) else gen
    subject = f"{description['fm']} on {description['task']}"
    return f"{subject}; GEN {method}; {describe(configuration)}; seed {seed}"
