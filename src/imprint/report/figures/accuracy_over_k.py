"""Accuracy against the number of proxies per class, task by task."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from imprint.analysis.gens import gens_without_k
from imprint.analysis.selection import accuracy_over_k as accuracies_over_k
from imprint.analysis.selection import natural_order, sizes
from imprint.report.drawing.axes import k_axis
from imprint.report.drawing.looks import DASHES, Look, gen_look, in_legend_order, legend_line
from imprint.report.drawing.panels import by_task
from imprint.report.drawing.sheet import legend_below
from imprint.report.figures.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "Accuracy over the number of proxies"


@figure("accuracy_over_k", title=TITLE, category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per task and FM, a line per GEN; GENs without a choice of k are horizontal lines.

    Tasks of a "d in 1" family are left to `accuracy_over_k_by_d`, unless there are no others.
    """
    plain = scores[scores["d"].isna()]
    rows = plain if len(plain) else scores
    table, configuration = accuracies_over_k(rows)
    without_k = gens_without_k(table)
    lines = table[~table["gen"].isin(without_k)]
    if lines.empty:
        raise NothingToShow(
            "No GEN with a choice of k, such as kmeans, in this experiment. Add one with several k."
        )
    ks = sorted(lines["k"].dropna().astype(int).unique())
    fms, tasks = natural_order(lines["fm"]), natural_order(lines["task"])
    cells = dict(tuple(table.groupby(["task", "fm"])))

    def draw(axes: Axes, task: str, fm: str, inches: float) -> None:
        if (task, fm) in cells:
            _panel(axes, cells[task, fm], without_k)
        k_axis(axes, ks, inches)

    subtitle = f"{configuration}\nMean, band from lowest to highest; n = {sizes(rows)}"
    fig = by_task(TITLE, subtitle, tasks, fms, "Proxies per class, k", draw)
    legend_below(fig, _legend(table, without_k))
    return fig


def _panel(axes: Axes, cell: pd.DataFrame, without_k: Collection[str]) -> None:
    for (name, _), rows in cell.groupby(["gen", "norm"]):
        gen = str(name)
        if gen in without_k:
            axes.axhline(rows["mean"].iloc[0], **_level(gen).line(), zorder=1.5)
            continue
        for level in rows.loc[rows["k"].isna(), "mean"]:
            axes.axhline(level, **_auto(gen).line(), zorder=1.5)
        line = rows.dropna(subset="k").sort_values("k")
        k, look = line["k"].to_numpy(int), gen_look(gen)
        axes.fill_between(k, line["low"], line["high"], color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(k, line["mean"], **look.line())


def _level(gen: str) -> Look:
    """The look of a GEN without a choice of k."""
    look = gen_look(gen)
    return Look(look.colour, None, look.dash)


def _auto(gen: str) -> Look:
    """The look of a GEN whose k each task chose."""
    return Look(gen_look(gen).colour, None, DASHES[4])


def _legend(table: pd.DataFrame, without_k: Collection[str]) -> list[Line2D]:
    lines = []
    gens = in_legend_order(table["gen"])
    for gen in gens:
        look = _level(gen) if gen in without_k else gen_look(gen)
        for norm in table.loc[table["gen"] == gen, "norm"].unique():
            label = f"{gen} ({norm.split(';')[0]})" if norm else gen
            lines.append(legend_line(label, **look.line()))
    auto = set(table.loc[table["k"].isna(), "gen"]) - set(without_k)
    return lines + [
        legend_line(f"{gen}, k auto", **_auto(gen).line()) for gen in gens if gen in auto
    ]
