"""Axes that figures share: scales, ticks whose labels fit, and labels around panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imprint.report.drawing.looks import DOTTED_GUIDE
from imprint.report.drawing.style import GREY, INK, setting, small_size
from imprint.report.drawing.text import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

STRETCHED_TICKS = (0, 40, 60, 80, 90, 95, 98, 99, 100)
LOG_FROM = 10  # least ratio of the largest to the smallest value for a logarithmic axis
FEW_TICKS = 4  # at most so many steps between round numbers
DECADES = 2.5  # most of an axis with numbers between the powers of ten
_LINE = {"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 0}
JOINED: dict[str, Any] = {"va": "center", "arrowprops": _LINE, "annotation_clip": False}
SHARED_LABEL = "shared x label"  # group id of the text


def k_axis(
    axes: Axes, ks: Sequence[int], inches: float, names: Mapping[int, str] | None = None
) -> None:
    """Make the x axis logarithmic with a tick for each number that was run.

    Parameters
    ----------
    axes : Axes
        The panel.
    ks : sequence of int
        The numbers.
    inches : float
        Width of the panel inside its axes. Labels that would touch are left out; those of the ends come first.
    names : mapping, optional
        Labels of numbers that are shown as something else, such as "full".
    """
    ks = sorted(set(ks))
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(ks[0] / 1.15, ks[-1] * 1.15)
    at = np.log(ks) / np.log(ks[-1] / ks[0] * 1.15**2) * inches
    words = [(names or {}).get(k, str(k)) for k in ks]
    halves = [(text_width(word, small_size()) + 0.03) / 2 for word in words]
    labels = [words[0], *[""] * (len(ks) - 1)]
    limit = np.inf  # left end of the next label to the right
    for i in range(len(ks) - 1, 0, -1):
        if at[i] + halves[i] <= limit and at[i] - halves[i] >= at[0] + halves[0]:
            labels[i], limit = words[i], at[i] - halves[i]
    axes.set_xticks(ks, labels)


def k_axis_with_marks(
    axes: Axes, ks: Sequence[int], inches: float, marks: int, pitch: float
) -> np.ndarray:
    """Give a panel a `k_axis` and, right of a dotted line, room for marks; returns the x of the marks.

    Parameters
    ----------
    axes, ks, inches
        See `k_axis`; the width includes the room for marks.
    marks : int
        Number of marks.
    pitch : float
        Inches from one mark to the next.
    """
    beside = (marks + 0.5) * pitch if marks else 0
    k_axis(axes, ks, inches - beside)
    left, right = axes.get_xlim()
    if not marks:
        return np.empty(0)
    per_inch = np.log(right / left) / (inches - beside)
    axes.axvline(right, **DOTTED_GUIDE)
    axes.set_xlim(left, right * np.exp(per_inch * beside))
    return right * np.exp(per_inch * pitch * (np.arange(marks) + 0.75))


def d_axis(axes: Axes, ds: Sequence[int], inches: float) -> None:
    """Give the x axis a tick for each d, and as many labels as fit into `inches`."""
    step = int(np.ceil(len(ds) * (text_width(str(ds[-1]), small_size()) + 0.04) / inches))
    axes.set_xticks(ds, [str(d) if i % step == 0 else "" for i, d in enumerate(ds)])
    axes.set_xlim(ds[0] - 0.3, ds[-1] + 0.3)


def percent_axis(axes: Axes) -> None:
    """Give an accuracy axis round ticks, and widen a range so narrow that noise looks like an effect."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    if high - low < 3:
        low, high = (low + high) / 2 - 1.5, (low + high) / 2 + 1.5
    above = 100 + 0.04 * (high - low)  # half a marker at 100 %
    axes.set_ylim(max(low, -1), min(high, above))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def stretched_axis(axes: Axes) -> None:
    """Stretch an accuracy axis (%) towards 100, where lines are close: the scale is the logarithm of the error.

    Half a point is added to each error, so that 100 has a position.
    """
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    low, high = axes.get_ylim()
    scale = (lambda y: -np.log(np.maximum(100 - y, 0) + 0.5), lambda z: 100.5 - np.exp(-z))
    axes.set_yscale("function", functions=scale)
    axes.set_ylim(max(low, 0), min(high, 100.05))
    axes.yaxis.set_major_locator(FixedLocator(STRETCHED_TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def log_axis(axes: Axes, name: Literal["x", "y"]) -> None:
    """Make the axis of a panel with data logarithmic, with plain numbers at 1, 2 and 5 or, over many decades, at powers of ten.

    An axis with fewer than two of these numbers has a few round ones.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    axes.set(**{f"{name}scale": "log"})
    axis = axes.xaxis if name == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    numbers = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high)) * [[1], [2], [5]]
    if np.sum((low <= numbers) & (numbers <= high)) < 2:
        axis.set_major_locator(MaxNLocator(FEW_TICKS))
    else:
        many = np.ptp(np.log10([low, high])) > DECADES
        axis.set_major_locator(LogLocator() if many else LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def label_across(axes: Axes, text: str, columns: int) -> None:
    """Name the x axis that a row of panels shares: below the first panel, centred over all `columns`."""
    axes.set_xlabel(" ")  # reserves the height
    down = 3.5 + 2 * setting("axes.labelpad") + 1.15 * small_size()
    middle = (columns / 2 + 0.1 * (columns - 1), 0)
    label = write_beside(axes, text, middle, (0, -down), ha="center", va="top", gid=SHARED_LABEL)
    label.set_in_layout(False)


def row_title(axes: Axes, name: str) -> None:
    """Write the name of a row of panels at the right of its last panel."""
    write_beside(axes, name, (1, 0.5), (5, 0), rotation=270, va="center", fontweight="bold")


def write_beside(
    axes: Axes, text: str, position: tuple[float, float], points: tuple[float, float], **style: Any
) -> Annotation:
    """Write a text some points right of and above a position, given in shares of the width and height of a panel."""
    coordinates: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    return axes.annotate(text, position, points, **coordinates, annotation_clip=False, **style)


def label_right(axes: Axes, levels: Mapping[str, float], inches: float) -> None:
    """Write names at the right of a panel near their y, moved apart and each joined to its y by a line.

    Set the limits and scales of the panel first; `inches` is the height inside its axes.
    """
    heights = [
        axes.transLimits.transform(axes.transScale.transform((1, y)))[1] for y in levels.values()
    ]
    moved = spread(heights, 1.15 * small_size() / 72 / inches)
    for name, height, text_height in zip(levels, heights, moved, strict=True):
        ends = (1, height), (1 + 0.12 / inches, text_height), "axes fraction", "axes fraction"
        axes.annotate(name, *ends, fontsize=small_size(), color=INK, **JOINED)


def spread(positions: Sequence[float], gap: float) -> np.ndarray:
    """Positions moved as little as possible, so that they are `gap` apart and, if there is room, within 0 and 1."""
    from scipy.optimize import isotonic_regression

    if not len(positions):
        return np.empty(0)
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(order))
    moved = isotonic_regression(np.asarray(positions, float)[order] - steps).x
    spaced = np.empty(len(order))
    spaced[order] = np.clip(moved, 0, max(0, 1 - steps[-1])) + steps
    return spaced
