"""What is wrong with a configuration: one problem, and the error that reports all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from imprint.errors import UserError


class Problem(NamedTuple):
    """One thing wrong with a configuration.

    Attributes
    ----------
    key : str
        The key as the user would write it, such as `tasks.all.datasets[0]`; a line for YAML that cannot be read.
    message : str
        What is wrong and what would be right.
    """

    key: str
    message: str


class ConfigError(UserError):
    """A configuration that cannot be used.

    Attributes
    ----------
    problems : list of Problem
        All that is wrong with it.
    """

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"  {key}: {text}" if key else f"  {text}" for key, text in self.problems]
        super().__init__("\n".join([f"{source} is not usable, {count}:", *lines]))
