"""The registry of figures: a figure is one decorated function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Presets = Mapping[str, Mapping[str, Any]]
Draw = Callable[..., "Figure"]

NO_FAMILY = "No 'd in 1' tasks in this experiment. Add a task family with several d to its tasks."


class NothingToShow(Exception):
    """The data hold no row of what a figure shows; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class FigureEntry:
    """A registered figure.

    Attributes
    ----------
    name : str
        Its name in configurations and file names.
    title, category : str
        How the report lists it.
    function : callable
        Draws it. A figure of an experiment takes scores, collapse and presets, and FMs if it `needs_fms`; one of one FM and task takes
        `table`, its description and images: see `imprint.report.figures`.
    table : str or None
        For a figure of one FM and task, the table that it is drawn from and that a job of its own makes.
    needs_images : bool
        Whether it shows images of the datasets.
    settings : tuple of str
        Settings of the experiment that `function` also takes, by name: see `imprint.study.specs.settings`.
    needs_fms : bool
        Whether it takes the frame of FMs.
    """

    name: str
    title: str
    category: str
    function: Draw
    table: str | None = None
    needs_images: bool = False
    settings: tuple[str, ...] = ()
    needs_fms: bool = False

    @property
    def shows_one_task(self) -> bool:
        """Whether it shows one FM and task, not all rows of an experiment."""
        return self.table is not None

    @property
    def module(self) -> str:
        """Where it is defined, without the package's name."""
        return self.function.__module__.removeprefix("imprint.")

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
            Called with what is missing if there is nothing to show; the figure then holds these words.
        **settings
            Those that `settings` names; the function has a default for each.
        """
        from imprint.report.drawing.sheet import notice
        from imprint.report.drawing.style import applied

        with applied(width):
            try:
                return self.function(*inputs, **settings)
            except NothingToShow as reason:
                missing(str(reason))
                return notice(self.title, str(reason))


FIGURES: Registry[FigureEntry] = Registry("figure")


def figure(name: str, **properties: Any) -> Callable[[Draw], Draw]:
    """Register a function as the figure `name`.

    Parameters
    ----------
    name : str
        Letters, digits and underscores; its caption is `workflow/report/figures/NAME.rst`.
    **properties
        Fields of `FigureEntry` besides `name` and `function`.
    """

    def register(function: Draw) -> Draw:
        FIGURES.add(name, FigureEntry(name, function=function, **properties))
        return function

    return register
