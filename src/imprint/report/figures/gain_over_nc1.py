"""What several proxies gain where neural collapse (NC1) is weak."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imprint.analysis.hypothesis_tests import spearman
from imprint.analysis.matrices import is_value
from imprint.analysis.selection import natural_order, shown
from imprint.report.drawing.axes import log_axis
from imprint.report.drawing.looks import DOTTED_GUIDE, GUIDE, legend_line, point_style
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import GREY, INK, small_size
from imprint.report.figures.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Gain of several proxies against neural collapse"
GEN, K = "kmeans", 5
SAME_AT_ONE = "mean"  # the GEN that k-means is with one proxy
MANY_POINTS, SMALL = 100, {"markersize": 3.2, "markeredgewidth": 0.6}
RHO, SQUARE = "\N{GREEK SMALL LETTER RHO}", "\N{SUPERSCRIPT TWO}"


@figure("gain_over_nc1", title=TITLE, category="Neural collapse")
def gain_over_nc1(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Gain in accuracy of k-means with k = 5 over k = 1 against NC1: a point per FM, task and draw.

    A line is fitted to gain over log10(NC1); below it stand R2 and Spearman's rho, over all points and in each third
    of them by NC1. Colour and fill of a point tell its FM, its shape the task or family.
    """
    points, configuration = _gains(scores, collapse)
    fms, families = natural_order(points["fm"]), natural_order(points["family"])
    regions = _regions(points)
    subtitle = (
        f"GEN {GEN}; {configuration}\nn = {len(points)}, a point for each FM, task and draw; dotted: thirds of them\n"
        f"Slope: points per tenfold NC1; {RHO} and p: Spearman's, as if independent"
    )
    fig = sheet(TITLE, subtitle, 2.5)
    axes, words = fig.subplots(2, 1, height_ratios=[1.9, 0.75])
    size = SMALL if len(points) >= MANY_POINTS else {}
    for (fm, family), rows in points.groupby(["fm", "family"]):
        look = point_style(fms.index(str(fm)), families.index(str(family))) | size
        axes.plot(rows["nc1"], rows["gain"], **look)
    axes.axhline(0, **GUIDE)
    log_axis(axes, "x")
    for limit in _limits(points):
        axes.axvline(limit, **DOTTED_GUIDE)
    overall = regions[0]
    if overall.slope is not None:
        ends = np.array([points["nc1"].min(), points["nc1"].max()])
        axes.plot(ends, overall.slope * np.log10(ends) + overall.offset, color=INK, linewidth=1.4)
    axes.set_xlabel("NC1 (0 = collapsed)")
    axes.set_ylabel(f"Gain of k = {K} over k = 1\n(percentage points)")
    _write(words, regions)
    of_fms = [legend_line(fm, **point_style(i, 0)) for i, fm in enumerate(fms)]
    of_families = [
        legend_line(name, **{**point_style(0, i), "color": GREY}) for i, name in enumerate(families)
    ]
    title = "Colour and filling: FM; shape: task or family"
    legend_below(fig, of_fms, of_families, title=title)
    return fig


def _gains(scores: pd.DataFrame, collapse: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """fm, task, family, draw, gain (percentage points) and nc1, where both are known; and the configuration.

    Gains are of means over seeds.
    """
    rows, configuration = shown(scores)
    rows = rows[rows["norm"] == ""]
    keys = ["fm", "task", "family", "draw"]

    def means(gen: str, k: int) -> pd.Series:
        chosen = rows[is_value(rows["gen"], gen) & is_value(rows["k"], k)]
        return chosen.groupby(keys, observed=True)["accuracy"].mean()

    gain = 100 * (means(GEN, K) - means(GEN, 1).combine_first(means(SAME_AT_ONE, 1)))
    points = gain.rename("gain").reset_index().astype({"fm": str, "task": str, "family": str})
    points = points.dropna(subset="gain")
    if points.empty:
        raise NothingToShow(
            f"No task with k-means at k = 1 and k = {K} in this experiment. Add both to its GEN."
        )
    nc1 = collapse.astype({"fm": str, "task": str})[["fm", "task", "draw", "nc1"]]
    points = points.merge(nc1, on=["fm", "task", "draw"], how="inner")
    points = points[points["nc1"] > 0]
    if points.empty:
        raise NothingToShow(
            "No NC1 above 0 of the FMs and tasks of this experiment. Make results/collapse for them."
        )
    return points, configuration


@dataclass(frozen=True)
class _Region:
    """Points of a range of NC1: a line fitted to their gain over log10(NC1), and Spearman's rho; None if undefined."""

    name: str
    low: float
    high: float
    points: int
    slope: float | None = None
    offset: float = 0.0
    r2: float | None = None
    rho: float | None = None
    p: float | None = None

    def texts(self) -> list[str]:
        """What the table says of it."""
        numbers = (
            (self.slope, "+.1f"),
            (self.r2, ".2f"),
            (self.rho, "+.2f"),
            (self.p, ".1g"),
        )
        nc1 = f"{self.low:.2g} to {self.high:.2g}"
        fit = ["-" if value is None else format(value, spec) for value, spec in numbers]
        return [self.name, nc1, str(self.points), *fit]


def _limits(points: pd.DataFrame) -> np.ndarray:
    """NC1 between the thirds of the points."""
    return np.quantile(points["nc1"], [1 / 3, 2 / 3])


def _regions(points: pd.DataFrame) -> list[_Region]:
    """All points, then the third of them with lowest NC1, the middle and the highest one."""
    third = np.searchsorted(_limits(points), points["nc1"])
    names = ("lowest third", "middle third", "highest third")
    thirds = [_region(name, points[third == i]) for i, name in enumerate(names)]
    return [_region("all", points), *thirds]


def _region(name: str, points: pd.DataFrame) -> _Region:
    nc1, gain = points["nc1"].to_numpy(), points["gain"].to_numpy()
    region = _Region(name, min(nc1, default=np.nan), max(nc1, default=np.nan), len(points))
    if len(points) < 3 or np.ptp(nc1) == 0 or np.ptp(gain) == 0:
        return region
    from scipy.stats import linregress

    fit, (rho, p) = linregress(np.log10(nc1), gain), spearman(nc1, gain)
    return replace(region, slope=fit.slope, offset=fit.intercept, r2=fit.rvalue**2, rho=rho, p=p)


def _write(axes: Axes, regions: list[_Region]) -> None:
    """Write the numbers of the regions as a table."""
    head = ["region", "NC1", "points", "slope", f"R{SQUARE}", RHO, "p"]
    positions = (0.0, 0.34, 0.50, 0.61, 0.71, 0.81, 1.0)
    alignments = ("left", *["center"] * (len(head) - 2), "right")
    axes.axis("off")
    for i, texts in enumerate([head, *(region.texts() for region in regions)]):
        for text, x, alignment in zip(texts, positions, alignments, strict=True):
            axes.annotate(
                text,
                (x, 1 - (i + 0.5) / 5),
                xycoords="axes fraction",
                ha=alignment,
                va="center",
                fontsize=small_size(),
                color=GREY if i == 0 else INK,
            )
