"""A sheet: a figure with a title and a subtitle above its panels and a legend below them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imprint.report.drawing.looks import legend_line
from imprint.report.drawing.style import GREY, figure_width, setting
from imprint.report.drawing.text import shorten, text_width, wrap

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

MARGIN = 0.06  # inches around the words of a figure


def canvas(width: float, height: float) -> Figure:
    """An empty figure (inches) that lays out its panels without overlap and needs no display."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04))


def sheet(title: str, subtitle: str, height: float) -> Figure:
    """A figure with a title and below it a subtitle in grey.

    Parameters
    ----------
    title, subtitle : str
        Long lines are wrapped; a line break in `subtitle` starts a new line.
    height : float
        Inches below the subtitle, without a legend.
    """
    from matplotlib.transforms import BboxTransformTo, ScaledTranslation

    title_size, size = setting("figure.titlesize"), setting("xtick.labelsize")
    room = figure_width() - 2 * MARGIN
    lines: list[tuple[str, float, dict[str, Any]]] = [
        (line, title_size, {"fontweight": "bold"}) for line in wrap(title, room, title_size, "bold")
    ]
    for paragraph in subtitle.split("\n"):
        lines += [(line, size, {"color": GREY}) for line in wrap(paragraph, room, size)]
    figure = canvas(figure_width(), height)
    # inches from the upper left corner, which moves when a legend is added
    corner = figure.dpi_scale_trans + ScaledTranslation(0, 1, BboxTransformTo(figure.bbox))
    down = MARGIN
    for line, points, look in lines:
        text = figure.text(MARGIN, -down, line, transform=corner, va="top", fontsize=points, **look)
        text.set_in_layout(False)
        down += 1.3 * points / 72
    _resize(figure, height, down + MARGIN)
    return figure


def legend_below(figure: Figure, *groups: Sequence[Artist], title: str | None = None) -> None:
    """Add one legend under all panels of a sheet, in as few rows as the width allows.

    The sheet grows by its height. Each group of legend entries has columns of its own.
    """
    size = setting("legend.fontsize")
    beside = (2.6 + 0.8 + 1.5) * size / 72  # line, gap to its text, gap to the next column
    most = max(map(len, groups))
    for rows in range(1, most + 1):
        columns = [column for group in groups for column in _columns(group, rows)]
        widest = [
            max(text_width(str(entry.get_label()), size) for entry in column) for column in columns
        ]
        room = figure.get_figwidth() - beside * len(columns)
        if sum(widest) < room:
            break
    else:
        _shorten_labels(columns, widest, room)
    figure.legend(
        handles=[entry for column in columns for entry in column],
        loc="outside lower center",
        ncols=len(columns),
        title=title,
        columnspacing=1.5,
    )
    lines = len(columns[0]) + (title is not None)
    height, share = figure.get_figheight(), layout(figure).get()["rect"][3]
    _resize(figure, share * height + (1.7 * lines + 1.3) * size / 72, (1 - share) * height)


def _shorten_labels(
    columns: Sequence[Sequence[Artist]], widths: Sequence[float], inches: float
) -> None:
    """Shorten the labels of the widest columns so that all columns together take these inches."""
    widest = inches / len(columns)
    for i, width in enumerate(sorted(widths)):
        widest = inches / (len(columns) - i)
        if width > widest:
            break
        inches -= width
    for entry in itertools.chain(*columns):
        entry.set_label(shorten(str(entry.get_label()), widest, setting("legend.fontsize")))


def _columns(group: Sequence[Artist], rows: int) -> list[list[Artist]]:
    """A group of legend entries in columns of `rows` rows, the last one filled with blanks."""
    columns = []
    for start in range(0, len(group), rows):
        column = list(group[start : start + rows])
        blanks = [legend_line(" ", linestyle="") for _ in range(rows - len(column))]
        columns.append([*column, *blanks])
    return columns


def _resize(figure: Figure, height: float, head: float) -> None:
    """Set the inches of a figure: `head` for its title and subtitle, `height` below."""
    figure.set_figheight(head + height)
    layout(figure).set(rect=(0, 0, 1, height / (head + height)))


def layout(figure: Figure) -> ConstrainedLayoutEngine:
    """The layout engine of a sheet."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # see `canvas`
    return engine
