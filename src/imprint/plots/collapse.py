"""Neural collapse (NC1): how it grows with d, and what several proxies gain where it is high."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from imprint.plots import style
from imprint.plots.registry import NO_FAMILY, NothingToShow, figure
from imprint.plots.selection import natural_order, shown
from imprint.statistics import is_value, spearman

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

LOG_FROM = 10  # a wider ratio of highest to lowest NC1 asks for a logarithmic axis
GAIN_K = 5
SMALL = {"markersize": 3.2, "markeredgewidth": 0.6}  # where points are many
RHO, SQUARE = "\N{GREEK SMALL LETTER RHO}", "\N{SUPERSCRIPT TWO}"


@figure("nc1_over_d", title="Neural collapse against d", category="Neural collapse")
def nc1_over_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per FM: NC1 against d, a line per "d in 1" family, and at the right the other tasks by name."""
    known = collapse.dropna(subset="nc1").astype({"fm": str, "task": str, "family": str})
    families, others = known[known["d"].notna()], known[known["d"].isna()]
    if families.empty:
        raise NothingToShow(NO_FAMILY)
    fms, names = natural_order(known["fm"]), natural_order(families["family"])
    columns = style.fitting(2.4, len(fms))
    rows = ceil(len(fms) / columns)
    inches = max(1.2, 0.11 * others["task"].nunique())
    draws = families["draw"].nunique()
    facts = (
        f"Line: {', '.join(names)}; mean, band from lowest to highest, n = {draws} draw{'s' * (draws != 1)}"
    )
    facts += ". Right: the other tasks" if len(others) else ""
    fig = style.sheet("Neural collapse against d", facts, 0.25 + (inches + 0.25) * rows)
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    ds = sorted(families["d"].astype(int).unique())
    _nc1_scale(grid[0, 0], "y", known["nc1"])
    for i, axes in enumerate(grid.flat):
        if i >= len(fms):
            axes.remove()
            continue
        _lines(axes, families[families["fm"] == fms[i]], names)
        axes.set_title(fms[i], fontweight="bold")
        if i % columns == 0:
            axes.set_ylabel("NC1 (0 = collapsed)")
        if i + columns >= len(fms):
            axes.set_xlabel("Original classes per class, d")
            axes.tick_params(labelbottom=True)
        style.d_axis(axes, ds, style.width() / columns - 1.4)
    for axes, fm in zip(grid.flat, fms, strict=False):
        levels = others[others["fm"] == fm].groupby("task")["nc1"].mean()
        for level in levels:
            axes.plot(
                [1, 1.012], [level] * 2, transform=axes.get_yaxis_transform(), color=style.INK, clip_on=False
            )
        style.label_right(axes, [(level, task, style.INK) for task, level in levels.items()], inches)
    if len(names) > 1:
        style.legend_below(fig, _handles(names), title="Family")
    return fig


def _lines(axes: Axes, families: pd.DataFrame, names: list[str]) -> None:
    groups = families.astype({"d": int}).groupby(["family", "d"])["nc1"].agg(["mean", "min", "max"])
    for family, line in groups.reset_index("d").groupby("family"):
        look = style.line_look(names.index(family), names.index(family))
        axes.fill_between(line["d"], line["min"], line["max"], color=look.colour, alpha=0.2, linewidth=0)
        axes.plot(line["d"], line["mean"], **look.line())


def _handles(names: list[str]) -> list:
    from matplotlib.lines import Line2D

    return [Line2D([], [], **style.line_look(i, i).line(), label=name) for i, name in enumerate(names)]


@figure("gain_over_nc1", title="Gain of several proxies against neural collapse", category="Neural collapse")
def gain_over_nc1(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Gain in accuracy of k-means with k = 5 over k = 1 against NC1: a point per FM, task and draw.

    A line fitted to gain over log10(NC1), and below it R2 and Spearman's rho, over all points and in each third of them
    by NC1. Colour and fill of a point tell its FM, its shape the task or family.
    """
    points, text = _gains(scores, collapse)
    fms, families = natural_order(points["fm"]), natural_order(points["family"])
    regions = _regions(points)
    facts = (
        f"GEN kmeans; {text}\nn = {len(points)}, a point for each FM, task and draw; dotted: thirds of them\n"
        f"Slope: points per tenfold NC1; {RHO} and p: Spearman's, as if independent"
    )
    fig = style.sheet("Gain of several proxies against neural collapse", facts, 2.5)
    axes, words = fig.subplots(2, 1, height_ratios=[1.9, 0.75])
    for (fm, family), own in points.groupby(["fm", "family"]):
        look = style.point_look(fms.index(fm), families.index(family))
        axes.plot(own["nc1"], own["gain"], **(look if len(points) < 100 else look | SMALL))
    axes.axhline(0, color=style.GREY, linewidth=0.8, zorder=1.5)
    _nc1_log(axes, "x")
    for limit in _limits(points):
        axes.axvline(limit, color=style.GREY, linewidth=0.8, linestyle=style.DASHES[2], zorder=1.5)
    overall = regions[0]
    if overall.slope is not None:
        ends = np.array([points["nc1"].min(), points["nc1"].max()])
        axes.plot(ends, overall.slope * np.log10(ends) + overall.offset, color=style.INK, linewidth=1.4)
    axes.set_xlabel("NC1 (0 = collapsed)")
    axes.set_ylabel(f"Gain of k = {GAIN_K} over k = 1\n(percentage points)")
    _write(words, regions)
    style.legend_below(
        fig, *_point_handles(fms, families), title="Colour and filling: FM; shape: task or family"
    )
    return fig


def _gains(scores: pd.DataFrame, collapse: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """fm, task, family, draw, gain (percentage points) and nc1, where both are known; and the configuration.

    Gains are of means over seeds.
    """
    rows, text = shown(scores)
    keys = ["fm", "task", "family", "draw"]
    rows = rows[(rows["norm"] == "") & (is_value(rows["gen"], "kmeans") | is_value(rows["gen"], "mean"))]
    means = rows.groupby([*keys, "gen", "k"], observed=True)["accuracy"].mean().reset_index("k")
    means = means[(is_value(means["k"], 1)) | (is_value(means["k"], GAIN_K))].set_index("k", append=True)[
        "accuracy"
    ]

    def of(gen: str, k: int) -> pd.Series:
        found = means[(means.index.get_level_values("gen") == gen) & (means.index.get_level_values("k") == k)]
        return found.droplevel(["gen", "k"])

    # k-means with one centre is the mean
    gain = 100 * (of("kmeans", GAIN_K) - of("kmeans", 1).combine_first(of("mean", 1)))
    points = gain.rename("gain").reset_index().astype({"fm": str, "task": str, "family": str})
    if points.dropna(subset="gain").empty:
        raise NothingToShow(
            f"No task with k-means at k = 1 and k = {GAIN_K} in this experiment. Add both to its GEN."
        )
    nc1 = collapse.astype({"fm": str, "task": str})[["fm", "task", "draw", "nc1"]]
    points = points.dropna(subset="gain").merge(nc1, on=["fm", "task", "draw"], how="inner")
    points = points[points["nc1"] > 0]
    if points.empty:
        raise NothingToShow(
            "No NC1 above 0 of the FMs and tasks of this experiment. Make results/collapse for them."
        )
    return points, text


@dataclass(frozen=True)
class Region:
    """Points of a range of NC1: a line fitted to their gain over log10(NC1), and Spearman's rho; None if undefined."""

    name: str
    low: float
    high: float
    points: int
    slope: float | None = None
    offset: float | None = None
    r2: float | None = None
    rho: float | None = None
    p: float | None = None


def _limits(points: pd.DataFrame) -> np.ndarray:
    """NC1 between the thirds of the points."""
    return np.quantile(points["nc1"], [1 / 3, 2 / 3])


def _regions(points: pd.DataFrame) -> list[Region]:
    """All points, then the third of them with lowest NC1, the middle and the highest one."""
    third = np.searchsorted(_limits(points), points["nc1"])
    parts = [points, *(points[third == i] for i in range(3))]
    return [
        _region(name, part)
        for name, part in zip(("all", "lowest third", "middle third", "highest third"), parts, strict=True)
    ]


def _region(name: str, points: pd.DataFrame) -> Region:
    nc1, gain = points["nc1"].to_numpy(), points["gain"].to_numpy()
    known = Region(name, min(nc1, default=np.nan), max(nc1, default=np.nan), len(points))
    if len(points) < 3 or np.ptp(nc1) == 0 or np.ptp(gain) == 0:
        return known
    from scipy.stats import linregress

    fit, (rho, p) = linregress(np.log10(nc1), gain), spearman(nc1, gain)
    return replace(known, slope=fit.slope, offset=fit.intercept, r2=fit.rvalue**2, rho=rho, p=p)


def _write(axes: Axes, regions: list[Region]) -> None:
    """The numbers of the regions as a table."""
    head = ("region", "NC1", "points", "slope", f"R{SQUARE}", RHO, "p")
    rows = [
        (
            region.name,
            f"{region.low:.2g} to {region.high:.2g}",
            str(region.points),
            *("-" if value is None else f"{value:{how}}" for value, how in (
                (region.slope, "+.1f"), (region.r2, ".2f"), (region.rho, "+.2f"), (region.p, ".1g"),
            )),
        )
        for region in regions
    ]  # fmt: skip
    places = (0.0, 0.34, 0.50, 0.61, 0.71, 0.81, 1.0)
    axes.axis("off")
    for i, row in enumerate((head, *rows)):
        for j, (place, text) in enumerate(zip(places, row, strict=True)):
            axes.annotate(
                text,
                (place, 1 - (i + 0.5) / 5),
                xycoords="axes fraction",
                ha="left" if j == 0 else "right" if j == len(row) - 1 else "center",
                va="center",
                fontsize=style.small(),
                color=style.GREY if i == 0 else style.INK,
            )


def _point_handles(fms: list[str], families: list[str]) -> tuple[list, list]:
    from matplotlib.lines import Line2D

    of_fms = [Line2D([], [], **style.point_look(i, 0), label=fm) for i, fm in enumerate(fms)]
    of_families = [
        Line2D([], [], **{**style.point_look(0, i), "color": style.GREY}, label=name)
        for i, name in enumerate(families)
    ]
    return of_fms, of_families


def _nc1_scale(axes: Axes, which: str, values: pd.Series) -> None:
    """A logarithmic NC1 axis where the values span more than one order of magnitude."""
    if values.min() <= 0 or values.max() / values.min() < LOG_FROM:
        axes.set(**{f"{which}lim": (0, 1.05 * values.max())})
        return
    axes.set(**{f"{which}lim": (values.min() / 1.2, 1.2 * values.max())})
    _nc1_log(axes, which)


def _nc1_log(axes: Axes, which: str) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
