"""The registry of tables: a table is one decorated function in a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

Presets = Mapping[str, Mapping[str, Any]]
Make = Callable[..., "pd.DataFrame"]


@dataclass(frozen=True)
class TableEntry:
    """A registered table.

    Attributes
    ----------
    name : str
        Its name in configurations and file names.
    title, category : str
        How the report lists it.
    make : callable
        Makes it of scores, collapse and presets, see `imprint.report.tables`.
    settings : tuple of str
        Settings of the experiment that `make` also takes, by name: see `imprint.study.specs.settings`.
    needs_fms : bool
        Whether `make` takes the frame of FMs too.
    leading : tuple of str
        Columns that the report shows first; by default it keeps the order of the table.
    beside : tuple of str
        Figures after which the report shows it; by default the one of its name.
    """

    name: str
    title: str
    category: str
    make: Make
    settings: tuple[str, ...] = ()
    needs_fms: bool = False
    leading: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Where it is defined, without the package's name."""
        return self.make.__module__.removeprefix("imprint.")


TABLES: Registry[TableEntry] = Registry("table")


def table(name: str, **properties: Any) -> Callable[[Make], Make]:
    """Register a function as the table `name`.

    Parameters
    ----------
    name : str
        Letters, digits and underscores; its caption is `workflow/report/tables/NAME.rst`.
    **properties
        Fields of `TableEntry` besides `name` and `make`.
    """

    def register(make: Make) -> Make:
        TABLES.add(name, TableEntry(name, make=make, **properties))
        return make

    return register
