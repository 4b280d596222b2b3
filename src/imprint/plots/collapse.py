"""Neural collapse (NC1): how it grows with d, and what several proxies gain where it is high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.plots import style
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import accuracy_over_k, natural_order
from imprint.statistics import PAIR, is_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

LOG_FROM = 10  # a wider ratio of highest to lowest NC1 asks for a logarithmic axis
GAIN_K = 5


@figure("nc1_over_d", title="Neural collapse against d", category="Neural collapse")
def nc1_over_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """NC1 against d, a line per FM and "d in 1" family; other tasks as points in a panel beside, on the same axis."""
    known = collapse.dropna(subset="nc1").astype({"fm": str, "task": str, "family": str})
    families, others = known[known["d"].notna()], known[known["d"].isna()]
    if families.empty:
        raise NothingToShow(
            "No 'd in 1' tasks in this experiment. Add a task family with several d to its tasks."
        )
    fms, tasks = natural_order(known["fm"]), natural_order(others["task"])
    if tasks:
        fig = style.canvas(style.DOUBLE, 3.0)
        left, right = fig.subplots(1, 2, sharey=True, width_ratios=[3, min(0.35 * len(tasks) + 0.4, 3)])
        _points(right, others, fms, tasks)
    else:
        fig = style.canvas(style.SINGLE, 2.6)
        left = fig.subplots()
    names = _lines(left, families, fms)
    _nc1_scale(left, "y", known["nc1"])
    left.set_ylabel("NC1 (lower = more collapsed)")
    style.legend_below(fig, _line_handles(fms, names))
    return fig


def _lines(axes: Axes, families: pd.DataFrame, fms: list[str]) -> list[str]:
    names = natural_order(families["family"])
    groups = families.astype({"d": int}).groupby(["fm", "family", "d"])["nc1"].agg(["mean", "min", "max"])
    for (fm, family), line in groups.reset_index("d").groupby(["fm", "family"]):
        look = style.line_look(fms.index(fm), names.index(family))
        axes.fill_between(line["d"], line["min"], line["max"], color=look.colour, alpha=0.15, linewidth=0)
        axes.plot(line["d"], line["mean"], **look.line())
    axes.set_xticks(sorted(families["d"].astype(int).unique()))
    axes.set_xlabel("Original classes per class, d")
    axes.set_title(", ".join(names), fontweight="bold")
    return names


def _points(axes: Axes, others: pd.DataFrame, fms: list[str], tasks: list[str]) -> None:
    for (fm, task), value in others.groupby(PAIR)["nc1"].mean().items():
        # the FMs of a task side by side, so that equal values stay apart
        beside = 0.5 * ((fms.index(fm) + 0.5) / len(fms) - 0.5)
        axes.plot(tasks.index(task) + beside, value, **style.line_look(fms.index(fm), 0).line(linestyle=""))
    axes.set_xticks(range(len(tasks)), tasks, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(tasks) - 0.4)
    axes.set_title("other tasks", fontweight="bold")


def _line_handles(fms: list[str], families: list[str]) -> list:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **style.line_look(i, 0).line(), label=fm) for i, fm in enumerate(fms)]
    if len(families) > 1:
        dashes = [style.line_look(0, i).dash for i in range(len(families))]
        handles += [
            Line2D([], [], color=style.GREY, linestyle=dash, label=family)
            for dash, family in zip(dashes, families, strict=True)
        ]
    return handles


@figure("gain_over_nc1", title="Gain of several proxies against neural collapse", category="Neural collapse")
def gain_over_nc1(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Gain in accuracy of k-means with k = 5 over k = 1 against NC1: a point per FM and task, Spearman's rho above.

    Colour and fill of a point tell its FM, its shape the task family.
    """
    points, text = _gains(scores, collapse)
    fms, families = natural_order(points["fm"]), natural_order(points["family"])
    fig = style.canvas(style.DOUBLE, 3.3)
    axes = fig.subplots()
    style.subtitle(fig, f"GEN kmeans; {text}")
    for fm, family, nc1, gain in points[["fm", "family", "nc1", "gain"]].itertuples(index=False):
        axes.plot(nc1, gain, **style.point_look(fms.index(fm), families.index(family)))
    axes.axhline(0, color=style.GREY, linewidth=0.8, zorder=1.5)
    _nc1_scale(axes, "x", points["nc1"])
    axes.set_xlabel("NC1 (lower = more collapsed)")
    axes.set_ylabel(f"Gain of k = {GAIN_K} over k = 1\n(percentage points)")
    axes.set_title(_spearman(points), loc="left")
    _point_legends(fig, fms, families)
    return fig


def _gains(scores: pd.DataFrame, collapse: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """fm, task, family, gain (percentage points) and nc1, for the (fm, task) that have both; and the configuration."""
    table, text = accuracy_over_k(scores)
    means = table.set_index(PAIR)
    one = means[(means["gen"] == "kmeans") & is_value(means["k"], 1)]["mean"]
    # k-means with one centre is the mean
    one = one.combine_first(means[(means["gen"] == "mean") & (means["norm"] == "")]["mean"])
    several = means[(means["gen"] == "kmeans") & is_value(means["k"], GAIN_K)]
    points = several[["family"]].assign(gain=several["mean"] - one)
    nc1 = collapse.astype({"fm": str, "task": str}).groupby(PAIR)["nc1"].mean()
    points = points.join(nc1, how="left").reset_index()
    if points.dropna(subset="gain").empty:
        raise NothingToShow(
            f"No task with k-means at k = 1 and k = {GAIN_K} in this experiment. Add both to its GEN."
        )
    points = points.dropna(subset=["gain", "nc1"])
    if points.empty:
        raise NothingToShow("No NC1 of the FMs and tasks of this experiment. Make results/collapse for them.")
    return points, text


def _spearman(points: pd.DataFrame) -> str:
    if len(points) < 3 or points["gain"].nunique() == 1 or points["nc1"].nunique() == 1:
        return f"{len(points)} (FM, task): too few or too equal for a rank correlation"
    from scipy.stats import spearmanr

    result = spearmanr(points["nc1"], points["gain"])
    return f"Spearman \N{GREEK SMALL LETTER RHO} = {result.statistic:.2f}, p = {result.pvalue:.2g}, {len(points)} (FM, task)"


def _point_legends(fig: Figure, fms: list[str], families: list[str]) -> None:
    from matplotlib.lines import Line2D

    def add(title: str, handles: list, place: str) -> None:
        fig.legend(handles=handles, title=title, loc=place, alignment="left", handlelength=1)

    of_fms = [Line2D([], [], **style.point_look(i, 0), label=fm) for i, fm in enumerate(fms)]
    of_families = [
        Line2D([], [], **{**style.point_look(0, i), "color": style.GREY}, label=name)
        for i, name in enumerate(families)
    ]
    add("FM", of_fms, "outside right upper")
    add("Task or family", of_families, "outside right lower")


def _nc1_scale(axes: Axes, which: str, values: pd.Series) -> None:
    """A logarithmic NC1 axis where the values span more than one order of magnitude."""
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    if values.min() <= 0 or values.max() / values.min() < LOG_FROM:
        axes.set(**{f"{which}lim": (0, None)})
        return
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(ScalarFormatter())
