"""Figures with a panel for each of many tasks and FMs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from imprint.analysis.natural_order import natural_order
from imprint.analysis.selection import shown_norms
from imprint.formatting import count
from imprint.report.drawing.axes import label_across, percent_axis, row_title
from imprint.report.drawing.looks import in_legend_order
from imprint.report.drawing.sheet import sheet
from imprint.report.drawing.style import WIDTHS, applied, figure_width, setting
from imprint.report.drawing.text import break_name, text_width

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROWEST_BLOCK = 3.2  # inches; a narrower block of panels has no room for the name of its x axis
WITH_MARKS = 1.0  # inches of the narrowest panel with `imprint.report.drawing.marks`
HEIGHT, HIGH = 0.9, 1.4  # inches of a panel, and if there are few below each other
MOST_IN_COLUMN, MOST_ON_PAGE = 5, 8  # most rows of panels that can be read at a glance


class _Arrangement(NamedTuple):
    """Numbers of panels of one task beside (`abreast`) and below each other, and of blocks and strips of tasks."""

    abreast: int
    deep: int
    blocks: int
    strips: int

    @property
    def rows(self) -> int:
        return self.strips * self.deep


def _arranged(tasks: int, columns: int, narrowest: float, width: float) -> _Arrangement:
    abreast = max(1, min(columns, int(width / narrowest)))
    deep = ceil(columns / abreast)
    blocks = 1
    if tasks > 3 and deep == 1:
        blocks = max(1, min(2, int(width / max(abreast * narrowest, NARROWEST_BLOCK))))
    return _Arrangement(abreast, deep, blocks, ceil(tasks / blocks))


@contextmanager
def room_for(tasks: int, columns: int, narrowest: float) -> Iterator[None]:
    """Apply the page style if `by_task` would make a column too high to read, or break its rows; else keep the style."""
    here = _arranged(tasks, columns, narrowest, figure_width())
    page = _arranged(tasks, columns, narrowest, WIDTHS["page"])
    if here.rows > MOST_IN_COLUMN or here.deep > page.deep == 1:
        with applied("page"):
            yield
    else:
        yield


def by_task(
    title: str,
    subtitle: str,
    tasks: Sequence[str],
    columns: Sequence[str],
    x_label: str,
    draw: Callable[[Axes, int, int, float], None],
    narrowest: float,
) -> Figure:
    """A figure of accuracies (%) with a row of panels per task and a column per FM, or per FM and NORM.

    The panels of a task share one accuracy axis. Tasks are arranged in several blocks beside each other if they fit;
    columns that do not fit beside each other continue below.

    Parameters
    ----------
    title, subtitle : str
        See `imprint.report.drawing.sheet.sheet`.
    tasks, columns : sequences of str
        Names of rows and columns.
    x_label : str
        Name of the x axis.
    draw : callable
        `draw(axes, task, column, inches)` draws one panel, `inches` wide, and its x axis; task and column are counted
        from 0.
    narrowest : float
        Inches that a panel needs, including the space beside it.
    """
    abreast, deep, blocks, strips = _arranged(len(tasks), len(columns), narrowest, figure_width())
    across = figure_width() / (blocks * abreast)
    height = HIGH if strips * deep < 3 else HEIGHT
    row_names = [break_name(task, height - 0.25) for task in tasks]
    longest = max(
        text_width(line, setting("font.size"), "bold")
        for name in row_names
        for line in name.split("\n")
    )
    height = max(height, longest + 0.15)
    figure = sheet(title, subtitle, 0.3 + height * strips * deep)
    grid = figure.add_gridspec(strips * deep, blocks * abreast)
    for t, row_name in enumerate(row_names):
        block, strip = divmod(t, strips)
        last_task = strip == strips - 1 or t == len(tasks) - 1
        first: Axes | None = None
        for c, name in enumerate(columns):
            row, column = divmod(c, abreast)
            spot = grid[strip * deep + row, block * abreast + column]
            axes = figure.add_subplot(spot, sharex=first, sharey=first)
            first = first or axes
            draw(axes, t, c, across - 0.35)
            lowest = last_task and c + abreast >= len(columns)
            axes.tick_params(labelbottom=lowest, labelleft=column == 0)
            if lowest and column == 0:
                label_across(axes, x_label, abreast)
            if column == 0:
                axes.set_ylabel("Accuracy (%)")
            if strip == 0 or deep > 1:
                lines = [break_name(line, across - 0.2) for line in name.split("\n")]
                axes.set_title("\n".join(lines), fontweight="bold")
            if column == abreast - 1 or c == len(columns) - 1:
                row_title(axes, row_name)
        if first is not None:
            percent_axis(first)
    return figure


@dataclass(frozen=True)
class Columns:
    """The columns of panels: FMs and, if a study has several and there is room, NORMs.

    Attributes
    ----------
    pairs : list of (str, str)
        FM and NORM of each column.
    of_norms : dict
        The rows of each NORM, see `imprint.analysis.selection.shown_norms`.
    text : str
        NORM and AGG in words; with several NORMs, where the figure names them.
    """

    pairs: list[tuple[str, str]]
    of_norms: dict[str, pd.DataFrame]
    text: str

    @property
    def names(self) -> list[str]:
        """Titles of the columns."""
        return [f"{fm}\n{norm}" if len(self.of_norms) > 1 else fm for fm, norm in self.pairs]

    @property
    def gens(self) -> list[str]:
        """All GENs in the order of legends."""
        return in_legend_order(
            str(gen) for rows in self.of_norms.values() for gen in rows["gen"].unique()
        )


def shown_columns(rows: pd.DataFrame) -> Columns:
    """A column of panels for each FM and NORM or, if these do not fit on a page, for each FM."""
    of_norms, text = shown_norms(rows)
    first, *others = of_norms
    fms = natural_order(fm for of_norm in of_norms.values() for fm in of_norm["fm"].unique())
    fms_of = {
        norm: set(of_norm.loc[of_norm["norm"] == "", "fm"].astype(str))
        for norm, of_norm in of_norms.items()
    }
    # FMs that have only rows with a configuration of their own, such as those of least squares
    fms_of[first] |= set(fms).difference(*fms_of.values())
    pairs = [(fm, norm) for fm in fms for norm in of_norms if fm in fms_of[norm]]
    page = _arranged(rows["task"].nunique(), len(pairs), WITH_MARKS, WIDTHS["page"])
    if others and (page.deep > 1 or page.rows > MOST_ON_PAGE):
        text += f"; {count(len(others), 'other NORM')} of this experiment left out for lack of room"
        if without := [fm for fm in fms if fm not in fms_of[first]]:
            text += f", and {', '.join(without)}, run with these alone"
        shown = [pair for pair in pairs if pair[1] == first]
        return Columns(shown, {first: of_norms[first]}, text)
    if others:
        order = "pre / post / inf where they differ"
        text = f"NORM above each panel ({order}){text[text.index('; AGG') :]}"
    return Columns(pairs, of_norms, text)


def shared_panels(
    figure: Figure, count: int, columns: int, x_label: str, y_label: str
) -> list[Axes]:
    """Panels with common axes, named below the last panel of each column and left of each row."""
    rows = ceil(count / columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for i, axes in enumerate(grid[:count]):
        if i % columns == 0:
            axes.set_ylabel(y_label)
        if i + columns >= count:
            axes.set_xlabel(x_label)
            axes.tick_params(labelbottom=True)
    for axes in grid[count:]:
        axes.remove()
    return list(grid[:count])


def family_panels(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Family, FM and title of each panel of a figure of "d in 1" families."""
    families, fms = natural_order(table["family"]), natural_order(table["fm"])
    return [
        (family, fm, f"{fm}, {family}" if len(families) > 1 else fm)
        for family in families
        for fm in fms
    ]
