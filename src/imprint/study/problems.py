"""What is wrong with a configuration: one problem, and the error that reports all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

    Parameters
    ----------
    source : str
        The files.
    problems : iterable of Problem
        All that is wrong with it.
    places : mapping of str to str, optional
        Where keys stand, such as config.yaml:12; a key without a place has that of the key around it.

    Attributes
    ----------
    problems : list of Problem
        All that is wrong with it.
    """

    def __init__(
        self, source: str, problems: Iterable[Problem], places: Mapping[str, str] | None = None
    ) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"{source} is not usable, {count}:"]
        for key, message in self.problems:
            parts = (_place(key, places or {}), key, message)
            lines.append("  " + ": ".join(part for part in parts if part))
        text = "\n".join(lines)
        super().__init__(
            "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
        )


def _place(key: str, places: Mapping[str, str]) -> str:
    """Where a key stands, or the nearest key around it; empty if that is not known."""
    while key and key not in places:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return places.get(key, "")
