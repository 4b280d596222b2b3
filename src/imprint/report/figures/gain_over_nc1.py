"""The gain of several proxies against neural collapse (NC1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.gains import GEN, K, gains_and_nc1, gains_by_draw
from imprint.analysis.matrices import PAIR
from imprint.analysis.natural_order import natural_order
from imprint.analysis.selection import shown
from imprint.analysis.splits import nc1_in_words
from imprint.formatting import count
from imprint.report.drawing.axes import log_axis
from imprint.report.drawing.looks import DOTTED_GUIDE, GUIDE, legend_line, point_style
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import GREY, INK, small_size
from imprint.report.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Gain of several proxies against neural collapse"
PARTED_AT = 1.0  # NC1 between the regions, as in the paper
FEWEST_FOR_RHO, FEWEST_FOR_LINE = 5, 40  # points
MANY_POINTS, SMALL = 100, {"markersize": 3.2, "markeredgewidth": 0.6}
LEAST_HEIGHT = 3  # percentage points on the axis, so that noise does not look like an effect
RHO = "\N{GREEK SMALL LETTER RHO}"


@figure("gain_over_nc1", title=TITLE, category="Neural collapse")
def gain_over_nc1(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Gain in accuracy of k-means with k = 5 over k = 1 against NC1: a point per FM and task, means over draws and seeds.

    A table below has mean gain and Spearman's rho of all points, of those with NC1 up to and above 1, and of tasks whose
    classes unite several others ("d in 1") and of other tasks among these. Colour and fill of a point show its FM, its
    shape the task or family. With 40 points or more, a line shows the running median.
    """
    of_draws = gains_by_draw(scores)
    points = _points(of_draws, collapse)
    _, configuration = shown(scores)
    fms, families = natural_order(points["fm"]), natural_order(points["family"])
    rows = _table(points)
    subtitle = (
        f"GEN {GEN}; {configuration}\n{nc1_in_words(collapse)}; n = {count(len(points), 'point')}, one for each FM and task, "
        f"means over draws and seeds; they share FMs and data, so {RHO} (Spearman's) has no p"
    )
    if left_out := len(of_draws[PAIR].drop_duplicates()) - len(points):
        subtitle += f"\nLeft out, without an NC1 above 0: {left_out}"
    line = _running_median(points)
    fig = sheet(TITLE, subtitle, 1.9 + 0.15 * len(rows))
    axes, words = fig.subplots(2, 1, height_ratios=[1.9, 0.15 * len(rows)])
    size = SMALL if len(points) >= MANY_POINTS else {}
    for (fm, family), of_family in points.groupby(["fm", "family"]):
        look = point_style(fms.index(str(fm)), families.index(str(family))) | size
        axes.plot(of_family["nc1"], of_family["gain"], **look)
    axes.axhline(0, **GUIDE)
    log_axis(axes, "x")
    low, high = axes.get_xlim()
    if low < PARTED_AT < high:
        axes.axvline(PARTED_AT, **DOTTED_GUIDE)
    if line is not None:
        axes.plot(line["nc1"], line["gain"], color=INK, linewidth=1.4)
    bottom, top = axes.get_ylim()
    more = max(0, LEAST_HEIGHT - (top - bottom)) / 2
    axes.set_ylim(bottom - more, top + more)
    axes.set_xlabel("NC1 (0 = collapsed)")
    axes.set_ylabel(f"Gain of k = {K} over k = 1\n(percentage points)")
    _write(words, rows)
    of_fms = [legend_line(fm, **point_style(i, 0)) for i, fm in enumerate(fms)]
    of_families = [
        legend_line(name, **{**point_style(0, i), "color": GREY}) for i, name in enumerate(families)
    ]
    if line is not None:
        of_families.append(legend_line("running median", color=INK, linewidth=1.4))
    title = "Colour and filling: FM; shape: task or family"
    legend_below(fig, of_fms, of_families, title=title)
    return fig


def _points(of_draws: pd.DataFrame, collapse: pd.DataFrame) -> pd.DataFrame:
    """The points, see `gains_and_nc1`; raises `NothingToShow` if there are none."""
    if of_draws.empty:
        raise NothingToShow(
            f"No task with k-means at k = 1 and k = {K} in this experiment. Add both to its GEN."
        )
    points = gains_and_nc1(of_draws, collapse[collapse["nc1"] > 0])
    if points.empty:
        raise NothingToShow(
            "No NC1 above 0 for the FMs and tasks of this experiment. Add tasks with several samples per class."
        )
    return points


def _running_median(points: pd.DataFrame) -> pd.DataFrame | None:
    """Medians of NC1 and gain in windows of a quarter of the points along NC1; None for too few points."""
    if len(points) < FEWEST_FOR_LINE:
        return None
    ordered = points.sort_values("nc1")[["nc1", "gain"]]
    return ordered.rolling(len(points) // 4, center=True).median().dropna()


def _table(points: pd.DataFrame) -> list[list[str]]:
    """The head, and a row for each set of points that is not empty: name, number, mean gain, range of gains, rho."""
    united, high = points["d"].fillna(1) > 1, points["nc1"] > PARTED_AT
    rows = [["points of", "n", "mean gain", "lowest to highest", RHO]]
    for region, chosen in (
        ("all", united | ~united),
        (f"NC1 up to {PARTED_AT:g}", ~high),
        (f"NC1 above {PARTED_AT:g}", high),
    ):
        rows.append(_row(region, points[chosen]))
        if united.any() and not united.all():
            rows.append(_row('    "d in 1" with d > 1', points[chosen & united]))
            rows.append(_row("    other tasks", points[chosen & ~united]))
    return [row for row in rows if row[1] != "0"]


def _row(name: str, points: pd.DataFrame) -> list[str]:
    from scipy.stats import spearmanr

    gain, nc1 = points["gain"], points["nc1"]
    if points.empty:
        return [name, "0", "", "", ""]
    rho = "-"
    if len(points) >= FEWEST_FOR_RHO and np.ptp(nc1) > 0 and np.ptp(gain) > 0:
        rho = f"{spearmanr(nc1, gain).statistic:+.2f}"
    return [
        name,
        str(len(points)),
        f"{gain.mean():+.1f}",
        f"{gain.min():+.1f} to {gain.max():+.1f}",
        rho,
    ]


def _write(axes: Axes, rows: list[list[str]]) -> None:
    """Write a table, its first row as a head."""
    positions = (0.0, 0.42, 0.56, 0.79, 1.0)
    alignments = ("left", "center", "center", "center", "right")
    axes.axis("off")
    for i, texts in enumerate(rows):
        for text, x, alignment in zip(texts, positions, alignments, strict=True):
            position, colour = (x, 1 - (i + 0.5) / len(rows)), GREY if i == 0 else INK
            look: dict[str, Any] = {"ha": alignment, "va": "center", "fontsize": small_size()}
            axes.annotate(text, position, xycoords="axes fraction", color=colour, **look)
