"""Accuracy against k when each class is made of d original ones."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from imprint.plots import style
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import accuracy_over_k as over_k
from imprint.plots.selection import natural_order
from imprint.statistics import ONE_K, is_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

COLUMNS = 3


@figure(
    "accuracy_over_k_by_d", title="Accuracy over k when a class is made of d", category="Proxies per class"
)
def accuracy_over_k_by_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per FM and "d in 1" family, a line per d, a ring where k = d. Of the GENs, k-means if it was run."""
    families = scores[scores["d"].notna()]
    if families.empty:
        raise NothingToShow(
            "No 'd in 1' tasks in this experiment. Add a task family with several d to its tasks."
        )
    table, text = over_k(families)
    table = table[~table["gen"].isin(ONE_K)]
    if table.empty:
        raise NothingToShow("The 'd in 1' tasks were run without a GEN that takes several k. Add kmeans.")
    gen = "kmeans" if is_value(table["gen"], "kmeans").any() else table["gen"].mode().iloc[0]
    table = table[table["gen"] == gen].astype({"k": int, "d": int})

    panels = [(family, fm) for family in natural_order(table["family"]) for fm in natural_order(table["fm"])]
    several = table["family"].nunique() > 1
    looks = _looks(sorted(table["d"].unique()))
    ks = sorted(table["k"].unique())
    rows = ceil(len(panels) / COLUMNS)
    columns = ceil(len(panels) / rows)
    width = style.SINGLE if columns == 1 else style.DOUBLE
    fig = style.canvas(width, 1.0 + (2.3 if columns < 3 else 1.9) * rows)
    style.subtitle(fig, f"GEN {gen}; {text}")
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(panels):
            axes.remove()
            continue
        family, fm = panels[i]
        _panel(axes, table[(table["family"] == family) & (table["fm"] == fm)], looks)
        axes.set_title(style.broken(f"{fm}, {family}" if several else fm, 36), fontweight="bold")
        style.k_axis(axes, ks, width / columns - 0.4)
        if i % columns == 0:
            axes.set_ylabel("Accuracy (%)")
        if i + columns >= len(panels):
            axes.set_xlabel("Proxies per class, k")
            axes.tick_params(labelbottom=True)
    style.percent_axis(grid[0, 0])
    style.legend_below(fig, _handles(looks), title="Original classes per class, d")
    return fig


def _looks(ds: list[int]) -> dict[int, style.Look]:
    """An ordered palette, dark to light, and a marker for each d."""
    import matplotlib
    from matplotlib.colors import to_hex

    shades = matplotlib.colormaps["viridis"]
    step = 0.82 / max(len(ds) - 1, 1)
    return {
        d: style.Look(to_hex(shades(i * step)), style.MARKERS[i % len(style.MARKERS)], "-")
        for i, d in enumerate(ds)
    }


def _panel(axes: Axes, cell: pd.DataFrame, looks: dict[int, style.Look]) -> None:
    for d, line in cell.groupby("d"):
        line = line.sort_values("k")
        axes.fill_between(
            line["k"], line["low"], line["high"], color=looks[d].colour, alpha=0.13, linewidth=0
        )
        axes.plot(line["k"], line["mean"], **looks[d].line())
        at_d = line[line["k"] == d]
        axes.plot(at_d["k"], at_d["mean"], **RING)


RING = {"linestyle": "", "marker": "o", "markersize": 8, "fillstyle": "none", "color": style.INK, "zorder": 4}


def _handles(looks: dict[int, style.Look]) -> list:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **look.line(), label=str(d)) for d, look in looks.items()]
    return [*lines, Line2D([], [], **RING, label="k = d, where run")]
