"""Accuracy against the number of proxies per class, task by task."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from imprint.plots import style
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import accuracy_over_k as over_k
from imprint.plots.selection import natural_order
from imprint.statistics import ONE_K

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

COLUMNS = 4  # panels side by side


@figure("accuracy_over_k", title="Accuracy over the number of proxies", category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per task and FM, a line per GEN; mean, all and ls, which leave no choice of k, as horizontal lines.

    Tasks of a "d in 1" family are left to `accuracy_over_k_by_d`, unless there are no others.
    """
    plain = scores[scores["d"].isna()]
    table, text = over_k(plain if len(plain) else scores)
    lines = table[~table["gen"].isin(ONE_K)]
    if lines.empty:
        raise NothingToShow(
            "No GEN with a choice of k, such as kmeans, in this experiment. Add one with several k."
        )
    ks = sorted(lines["k"].dropna().astype(int).unique())
    fms, tasks = natural_order(lines["fm"]), natural_order(lines["task"])
    blocks = ceil(len(tasks) / COLUMNS)
    columns = ceil(len(tasks) / blocks)
    width = style.SINGLE if columns == 1 else style.DOUBLE
    fig = style.canvas(width, (1.2 if columns == 1 else 0.5) + 1.3 * blocks * len(fms) + 0.35 * blocks)
    style.subtitle(fig, text)
    grid = fig.add_gridspec(blocks * len(fms), columns)
    cells = dict(tuple(table.groupby(["task", "fm"])))
    for t, task in enumerate(tasks):
        block, column = divmod(t, columns)
        first = None
        for f, fm in enumerate(fms):
            axes = fig.add_subplot(grid[block * len(fms) + f, column], sharex=first, sharey=first)
            first = first or axes
            if (task, fm) in cells:
                _panel(axes, cells[task, fm])
            style.k_axis(axes, ks, width / columns - 0.55)
            axes.tick_params(labelbottom=f == len(fms) - 1)
            if f == 0:
                axes.set_title(("\n" if block else "") + style.broken(task, 24), fontweight="bold")
            if f == len(fms) - 1:
                axes.set_xlabel("Proxies per class, k")
            if column == 0:
                axes.set_ylabel("Accuracy (%)")
            if column == columns - 1 or task == tasks[-1]:
                style.row_title(axes, style.broken(fm, 16))
        style.percent_axis(first)
    style.legend_below(fig, _handles(table))
    return fig


def _panel(axes: Axes, cell: pd.DataFrame) -> None:
    for (gen, _), line in cell.groupby(["gen", "norm"]):
        look = style.gen_look(gen)
        if gen in ONE_K:
            axes.axhline(line["mean"].iloc[0], **look.line(marker=None), zorder=1.5)
            continue
        line = line.dropna(subset="k").sort_values("k")
        k = line["k"].to_numpy(int)
        axes.fill_between(k, line["low"], line["high"], color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(k, line["mean"], **look.line())


def _handles(table: pd.DataFrame) -> list:
    from matplotlib.lines import Line2D

    present = table[["gen", "norm"]].drop_duplicates()
    order = [*style.GENS, *sorted(set(present["gen"]) - set(style.GENS))]
    present = present.sort_values("gen", key=lambda gens: gens.map(order.index))
    return [
        Line2D([], [], **style.gen_look(gen).line(), label=f"{gen} ({norm.split(';')[0]})" if norm else gen)
        for gen, norm in present.itertuples(index=False)
    ]
