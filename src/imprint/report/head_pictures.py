"""Pictures of what a head does with photographs: confused classes, nearest training images, and errors after rejection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imprint.errors import UserError
from imprint.report.drawing.axes import write_beside
from imprint.report.drawing.looks import COLOURS, DASHES
from imprint.report.drawing.saving import DATED, write
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import applied, figure_width, setting, small_size
from imprint.report.drawing.text import shorten
from imprint.report.drawing.tiles import WORDS, Tile, show_tile, tile_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABREAST = 4  # images of each class of a pair


@dataclass(frozen=True)
class ConfusedPair:
    """Images of a class that a head labels as another, and images of that other class."""

    title: str
    wrong: Sequence[Tile]
    examples: Sequence[Tile]
    predicted: str


def require_form(path: Path) -> None:
    """Raise a `UserError` if no picture can be written in the format of a file's name."""
    *others, last = (f".{form}" for form in DATED)
    if path.suffix.lower() not in (*others, last):
        raise UserError(f"{path}: a picture is a {', '.join(others)} or {last} file")


def write_picture(path: Path, figure: Figure) -> None:
    """Write a figure (.png, .pdf or .svg); the same figure gives the same bytes."""
    with applied("page"):
        write(figure, path)


def confused_pairs(pairs: Sequence[ConfusedPair], subtitle: str) -> Figure:
    """A row for each pair: images with a wrong label at the left, examples of the predicted class at the right."""
    with applied("page"):
        inches = (figure_width() - 0.5) / (2 * ABREAST + 0.5)
        figure = sheet("The most confused classes", subtitle, (inches + WORDS) * len(pairs))
        widths = [1] * ABREAST + [0.35] + [1] * ABREAST
        grid = figure.subplots(
            len(pairs), len(widths), squeeze=False, gridspec_kw={"width_ratios": widths}
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for row, pair in zip(grid, pairs, strict=True):
            right = f"{pair.predicted}, labelled right" if pair.examples else ""
            left_side = (row[:ABREAST], pair.wrong, pair.title)
            for panels, tiles, title in (left_side, (row[ABREAST + 1 :], pair.examples, right)):
                for axes, tile in zip(panels, tiles, strict=False):
                    show_tile(axes, tile, inches)
                    axes.spines[:].set_visible(False)
                words = shorten(title, ABREAST * inches, setting("axes.titlesize"))
                above = (0, setting("axes.titlepad"))
                style = {"fontsize": setting("axes.titlesize"), "fontweight": "bold"}
                heading = write_beside(panels[0], words, (0, 1), above, **style)
                heading.set_in_layout(False)  # it would widen the first column
                panels[-1].set_title(" ")  # reserves the height of the heading
    return figure


def explained(rows: Sequence[tuple[Tile, Sequence[Tile]]], subtitle: str) -> Figure:
    """A row for each image: the image with its label at the left, the nearest training images at the right."""
    with applied("page"):
        return tile_rows("Why these labels", subtitle, "image", rows)


def coverage_curve(
    familiarity: np.ndarray, right: np.ndarray, strange: np.ndarray, subtitle: str
) -> Figure:
    """The error of the kept samples against their share, when the most familiar ones are kept.

    Parameters
    ----------
    familiarity : ndarray of shape (n,)
        Familiarity of samples of known classes.
    right : ndarray of shape (n,)
        Whether their labels are right.
    strange : ndarray of shape (s,)
        Familiarity of samples of other classes; may be empty.
    subtitle : str
        What was evaluated.
    """
    with applied("page"):
        figure = sheet("What is rejected, and the error of the rest", subtitle, 2.6)
        axes = figure.subplots()
        limits, number = np.unique(familiarity, return_inverse=True)
        kept, kept_right = (
            np.bincount(number, weights)[::-1].cumsum()[::-1] for weights in (None, right)
        )
        share = 100 * kept / len(familiarity)
        lines = axes.plot(
            share,
            100 * (1 - kept_right / kept),
            color=COLOURS[0],
            linestyle=DASHES[0],
            label="kept and labelled wrong",
        )
        if len(strange):
            below = np.searchsorted(np.sort(strange), limits)
            lines += axes.plot(
                share,
                100 * (1 - below / len(strange)),
                color=COLOURS[1],
                linestyle=DASHES[1],
                label="images of unknown classes that are kept",
            )
            legend_below(figure, lines)
        axes.set(xlim=(0, 100), xlabel="images of known classes kept (%)")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("share (%)" if len(strange) else "error of those kept (%)")
        axes.tick_params(labelsize=small_size())
    return figure
