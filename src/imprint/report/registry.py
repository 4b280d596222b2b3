"""The registries of figures and of tables. Each figure or table is one decorated function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.registry import Registry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Presets = Mapping[str, Mapping[str, Any]]
Draw = Callable[..., "Figure"]
Make = Callable[..., "pd.DataFrame"]

NO_FAMILY = "No 'd in 1' tasks in this experiment. Add a task family with several d to its tasks."


class NothingToShow(Exception):
    """The data have no rows for a figure; the message says what is missing and how to add it."""


@dataclass(frozen=True)
class _Entry:
    """A registered figure or table.

    Attributes
    ----------
    name : str
        Its name in configurations and file names.
    title, category : str
        How the report lists it.
    function : callable
        Draws or makes it from scores, collapse and presets, and from FMs if it `needs_fms`: see `imprint.report.figures`.
    settings : tuple of str
        Settings of the experiment that `function` also takes, by name: see `imprint.study.selections.settings`.
    needs_fms : bool
        Whether it takes the frame of FMs.
    shared_caption : str or None
        Name of its caption, if others have the same; by default it is that of the figure or table.
    """

    name: str
    title: str
    category: str
    function: Callable[..., Any]
    settings: tuple[str, ...] = ()
    needs_fms: bool = False
    shared_caption: str | None = None

    @property
    def caption(self) -> str:
        """The name of its caption."""
        return self.shared_caption or self.name

    @property
    def module(self) -> str:
        """The module that defines it, without the package's name."""
        return self.function.__module__.removeprefix("imprint.")


@dataclass(frozen=True)
class FigureEntry(_Entry):
    """A registered figure, of an experiment or of one FM and task.

    Attributes
    ----------
    data : str or None
        For a figure of one FM and task, the name of the data that it is drawn from, which a separate job makes: `function`
        takes their frame, its description and images.
    needs_images : bool
        Whether it shows images of the datasets.
    """

    data: str | None = None
    needs_images: bool = False

    @property
    def shows_one_task(self) -> bool:
        """Whether it shows one FM and task, not all rows of an experiment."""
        return self.data is not None

    def draw(
        self,
        *inputs: Any,
        width: str = "column",
        missing: Callable[[str], None] = lambda message: None,
        **settings: Any,
    ) -> Figure:
        """Draw the figure in the common style.

        Parameters
        ----------
        *inputs
            What `function` takes.
        width : {"column", "page"}
            Width for which it is laid out.
        missing : callable
            Called with a message if there is nothing to show; the figure then has only this message.
        **settings
            Values of those that `settings` names; the function has a default for each.
        """
        from imprint.report.drawing.looks import told_apart
        from imprint.report.drawing.sheet import sheet
        from imprint.report.drawing.style import applied

        gens = inputs[0]["gen"].unique() if "gen" in inputs[0] else ()
        with applied(width), told_apart(map(str, gens)):
            try:
                figure: Figure = self.function(*inputs, **settings)
            except NothingToShow as reason:
                missing(str(reason))
                figure = sheet(self.title, str(reason), height=0.1)
        return figure


@dataclass(frozen=True)
class TableEntry(_Entry):
    """A registered table.

    Attributes
    ----------
    leading : tuple of str
        Columns that the report shows first; by default it keeps the order of the table.
    beside : tuple of str
        Figures after which the report shows it; by default the figure of the same name.
    """

    leading: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def make(self, *inputs: Any, **settings: Any) -> pd.DataFrame:
        """Make the table; `inputs` are what `function` takes."""
        return self.function(*inputs, **settings)


FIGURES: Registry[FigureEntry] = Registry("figure")
TABLES: Registry[TableEntry] = Registry("table")


def figure(name: str, **properties: Any) -> Callable[[Draw], Draw]:
    """Register a function as the figure `name`, whose caption is `workflow/report/figures/NAME.rst`.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    **properties
        Fields of `FigureEntry` besides `name` and `function`.
    """
    return FIGURES.adding(name, lambda function: FigureEntry(name, function=function, **properties))


def table(name: str, **properties: Any) -> Callable[[Make], Make]:
    """Register a function as the table `name`, whose caption is `workflow/report/tables/NAME.rst`.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    **properties
        Fields of `TableEntry` besides `name` and `function`.
    """
    return TABLES.adding(name, lambda function: TableEntry(name, function=function, **properties))
