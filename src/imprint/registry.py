"""One registry for every kind of component: GEN, NORM, AGG, distance, dataset source, FM source, table, figure."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from imprint.errors import UserError

T = TypeVar("T")
C = TypeVar("C")
R = TypeVar("R")


def suggestion(name: object, known: Iterable[object], otherwise: str = "") -> str:
    """`" (did you mean 'x'?)"`, with `otherwise` before the question mark, if a known name is close to `name`; else ""."""
    close = difflib.get_close_matches(str(name), [str(entry) for entry in known], n=1)
    return f" (did you mean '{close[0]}'{otherwise}?)" if close else ""


def undefined(kind: str, name: object, defined: Iterable[object]) -> str:
    """The message for an undefined name. It suggests a similar defined name, whose definition may be the mistyped one."""
    names = [str(entry) for entry in defined]
    close = suggestion(name, names, ", or is that name mistyped")
    return f"{kind} '{name}' is not defined; defined here: {', '.join(names) or 'none'}{close}"


def unknown(kind: str, name: object, known: Iterable[object]) -> str:
    """The message for an unknown name."""
    names = [str(entry) for entry in known]
    return f"unknown {kind} '{name}'; known: {', '.join(names) or 'none'}{suggestion(name, names)}"


@dataclass(frozen=True)
class Component:
    """What components that users can write have in common.

    Attributes
    ----------
    name : str
        Its name in configurations, paths and columns.
    file : str or None
        The user's file that registered it.
    """

    name: str
    file: str | None = field(default=None, kw_only=True)

    def call(self, function: Callable[..., R], *arguments: Any) -> R:
        """Call a function of the component; an error in a user's is a `UserError` that names the component and the line."""
        if not self.of_user:
            return function(*arguments)
        try:
            return function(*arguments)
        except (UserError, MemoryError):
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename == self.file]
            line = f":{lines[-1]}" if lines else ""
            raise UserError(
                f"'{self.name}' of {self.origin}{line} failed: {type(error).__name__}: {error}"
            ) from error

    @property
    def definition(self) -> Any:
        """The function or class that was registered."""
        raise NotImplementedError

    @property
    def module(self) -> str:
        """The module that defines it, without the name of the package."""
        return str(self.definition.__module__).removeprefix("imprint.")

    @property
    def origin(self) -> str:
        """The user's file, or else the module, that registered it; for messages."""
        return self.file or str(self.definition.__module__)

    @property
    def of_user(self) -> bool:
        """Whether a user wrote it: it gets copies, and its results are checked."""
        return not str(getattr(self.definition, "__module__", "")).startswith("imprint.")


class Registry(Mapping[str, T], Generic[T]):
    """Components of one kind by name, in order of registration.

    An entry has every property of the component that other code needs, so no code compares names.

    Parameters
    ----------
    kind : str
        The word for an entry in messages, such as "GEN" or "dataset source".

    Examples
    --------
    >>> colours = Registry("colour")
    >>> colours.add("red", "#d00")
    >>> colours.find("rad")
    Traceback (most recent call last):
    ...
    imprint.errors.UserError: unknown colour 'rad'; known: red (did you mean 'red'?)
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Register `entry`.

        Raises
        ------
        UserError
            If the name is already registered, or is not an identifier: names are used in paths and columns.
        """
        if not name.isidentifier():
            raise UserError(
                f"{self.kind} '{name}': a name has letters, digits and underscores only, and does not begin with a digit"
            )
        if name in self._entries:
            raise UserError(f"{self.kind} '{name}' exists already; choose another name")
        self._entries[name] = entry

    def adding(
        self, name: str, entry_of: Callable[[Any], T] = lambda component: component
    ) -> Callable[[C], C]:
        """A decorator that registers `entry_of(component)`, by default the component, and returns the component unchanged."""

        def register(component: C) -> C:
            self.add(name, entry_of(component))
            return component

        return register

    def remove(self, name: str) -> None:
        """Undo a registration, after the file that made it has failed."""
        del self._entries[name]

    def replace(self, name: str, entry: T) -> None:
        """Replace a registered entry."""
        self.find(name)  # raises if there is none
        self._entries[name] = entry

    def find(self, name: object) -> T:
        """The entry of a name; a `UserError` that lists the known names if there is none."""
        if name not in self._entries:
            raise UserError(unknown(self.kind, name, self._entries))
        return self._entries[str(name)]

    def names(self, **properties: Any) -> tuple[str, ...]:
        """The names of the entries whose attributes have these values; all names by default."""
        return tuple(
            name
            for name, entry in self._entries.items()
            if all(getattr(entry, key) == value for key, value in properties.items())
        )

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
