"""Accuracy against the number of proxies per class, task by task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.plots import style
from imprint.plots.by_task import by_task
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import accuracy_over_k as over_k
from imprint.plots.selection import natural_order, sizes
from imprint.statistics import ONE_K

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

TITLE = "Accuracy over the number of proxies"


@figure("accuracy_over_k", title=TITLE, category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per task and FM, a line per GEN; mean, all and ls, which leave no choice of k, as horizontal lines.

    A row of panels per task, a column per FM. Tasks of a "d in 1" family are left to `accuracy_over_k_by_d`, unless
    there are no others.
    """
    plain = scores[scores["d"].isna()]
    rows = plain if len(plain) else scores
    table, text = over_k(rows)
    lines = table[~table["gen"].isin(ONE_K)]
    if lines.empty:
        raise NothingToShow(
            "No GEN with a choice of k, such as kmeans, in this experiment. Add one with several k."
        )
    ks = sorted(lines["k"].dropna().astype(int).unique())
    fms, tasks = natural_order(lines["fm"]), natural_order(lines["task"])
    cells = dict(tuple(table.groupby(["task", "fm"])))

    def draw(axes: Axes, task: str, fm: str, inches: float) -> None:
        if (task, fm) in cells:
            _panel(axes, cells[task, fm])
        style.k_axis(axes, ks, inches)

    facts = f"{text}\nMean, band from lowest to highest; n = {sizes(rows)}"
    fig = by_task(TITLE, facts, tasks, fms, "Proxies per class, k", draw)
    style.legend_below(fig, _handles(table))
    return fig


def _panel(axes: Axes, cell: pd.DataFrame) -> None:
    for (gen, _), line in cell.groupby(["gen", "norm"]):
        look = style.gen_look(gen)
        if gen in ONE_K:
            axes.axhline(line["mean"].iloc[0], **look.line(marker=None), zorder=1.5)
            continue
        for level in line.loc[line["k"].isna(), "mean"]:
            axes.axhline(level, **_chosen(gen).line(), zorder=1.5)
        line = line.dropna(subset="k").sort_values("k")
        k = line["k"].to_numpy(int)
        axes.fill_between(k, line["low"], line["high"], color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(k, line["mean"], **look.line())


def _chosen(gen: str) -> style.Look:
    """The look of a GEN whose k each task chose."""
    return style.Look(style.gen_look(gen).colour, None, style.DASHES[4])


def _handles(table: pd.DataFrame) -> list:
    from matplotlib.lines import Line2D

    present = table[["gen", "norm"]].drop_duplicates()
    order = [*style.GENS, *sorted(set(present["gen"]) - set(style.GENS))]
    present = present.sort_values("gen", key=lambda gens: gens.map(order.index))
    auto = table.loc[table["k"].isna() & ~table["gen"].isin(ONE_K), "gen"]
    lines = [
        (style.gen_look(gen), f"{gen} ({norm.split(';')[0]})" if norm else gen)
        for gen, norm in present.itertuples(index=False)
    ]
    lines += [(_chosen(gen), f"{gen}, k auto") for gen in sorted(set(auto), key=order.index)]
    return [Line2D([], [], **look.line(), label=label) for look, label in lines]
