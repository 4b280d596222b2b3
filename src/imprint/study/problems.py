"""The problems of a configuration, and the error that reports all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from imprint.errors import UserError
from imprint.formatting import count


class Problem(NamedTuple):
    """One problem of a configuration.

    Attributes
    ----------
    key : str
        The key as the user writes it, such as `tasks.all.datasets[0]`; the line if the YAML cannot be read.
    message : str
        What is wrong and how to correct it.
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
        All its problems.
    places : mapping of str to str, optional
        Locations of keys, such as config.yaml:12; a key without one has that of the key around it.

    Attributes
    ----------
    problems : list of Problem
        All its problems.
    """

    def __init__(
        self, source: str, problems: Iterable[Problem], places: Mapping[str, str] | None = None
    ) -> None:
        self.problems = list(problems)
        lines = [f"{source} is not usable, {count(len(self.problems), 'problem')}:"]
        for key, message in self.problems:
            parts = (_place(key, places or {}), key, message)
            lines.append("  " + ": ".join(part for part in parts if part))
        text = "\n".join(lines)
        super().__init__(
            "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
        )


def _place(key: str, places: Mapping[str, str]) -> str:
    """The location of a key, or of the nearest key around it; empty if it is not known."""
    while key and key not in places:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return places.get(key, "")
