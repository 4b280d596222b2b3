"""Accuracy and best k when each class is made of d original ones."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from imprint.plots import style
from imprint.plots.registry import NO_FAMILY, NothingToShow, figure
from imprint.plots.selection import accuracy_over_k as over_k
from imprint.plots.selection import natural_order, shown, sizes
from imprint.statistics import ONE_K, is_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

TITLE = "Accuracy over k when a class is made of d"
RING = {
    "linestyle": "",
    "marker": "o",
    "markersize": 7,
    "fillstyle": "none",
    "color": style.INK,
    "zorder": 4,
    "clip_on": False,
}


@figure("accuracy_over_k_by_d", title=TITLE, category="Proxies per class")
def accuracy_over_k_by_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per FM and "d in 1" family, a line per d, a ring where k = d. Of the GENs, k-means if it was run."""
    families = scores[scores["d"].notna()]
    if families.empty:
        raise NothingToShow(NO_FAMILY)
    table, text = over_k(families)
    table = table[~table["gen"].isin(ONE_K)].dropna(subset="k")  # a k that the task chose has no place
    if table.empty:
        raise NothingToShow("The 'd in 1' tasks were run without a GEN that takes several k. Add kmeans.")
    gen = "kmeans" if is_value(table["gen"], "kmeans").any() else table["gen"].mode().iloc[0]
    table = table[table["gen"] == gen].astype({"k": int, "d": int})

    panels = [(family, fm) for family in natural_order(table["family"]) for fm in natural_order(table["fm"])]
    several = table["family"].nunique() > 1
    looks = style.shades(sorted(table["d"].unique()))
    ks = sorted(table["k"].unique())
    columns = style.fitting(1.5, len(panels))
    rows = ceil(len(panels) / columns)
    facts = f"GEN {gen}; {text}\nMean, band from lowest to highest; n = {sizes(families)}"
    fig = style.sheet(TITLE, facts, 0.3 + 1.5 * rows)
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(panels):
            axes.remove()
            continue
        family, fm = panels[i]
        _panel(axes, table[(table["family"] == family) & (table["fm"] == fm)], looks)
        name = f"{fm}, {family}" if several else fm
        axes.set_title(style.broken(name, style.width() / columns - 0.3), fontweight="bold")
        style.k_axis(axes, ks, style.width() / columns - 0.4)
        if i % columns == 0:
            axes.set_ylabel("Accuracy (%)")
        if i + columns >= len(panels):
            axes.set_xlabel("Proxies per class, k")
            axes.tick_params(labelbottom=True)
    style.percent_axis(grid[0, 0])
    style.legend_below(fig, _handles(looks), title="Original classes per class, d")
    return fig


def _panel(axes: Axes, cell: pd.DataFrame, looks: dict[int, style.Look]) -> None:
    for d, line in cell.groupby("d"):
        line = line.sort_values("k")
        axes.fill_between(
            line["k"], line["low"], line["high"], color=looks[d].colour, alpha=0.13, linewidth=0
        )
        axes.plot(line["k"], line["mean"], **looks[d].line())
        at_d = line[line["k"] == d]
        if len(at_d):
            axes.plot(at_d["k"], at_d["mean"], **RING)


def _handles(looks: dict[int, style.Look]) -> list:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **look.line(), label=str(d)) for d, look in looks.items()]
    return [*lines, Line2D([], [], **RING, label="k = d, where run")]


@figure("best_k_over_d", title="Best k and its accuracy over d", category="Proxies per class")
def best_k_over_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """Above the best k, below the accuracy there, against d: a column per FM and "d in 1" family, a line per GEN.

    The best k of a draw is the smallest whose accuracy, the mean over seeds, is the highest.
    """
    from matplotlib.ticker import MaxNLocator

    families = scores[scores["d"].notna()]
    if families.empty:
        raise NothingToShow(NO_FAMILY)
    rows, text = shown(families)
    rows = rows[rows["gen"].isin(COMPARED) & rows["k"].notna()]
    if rows.empty:
        raise NothingToShow(
            f"The 'd in 1' tasks were run without {', '.join(COMPARED)}. Add kmeans with several k, mean, ls or kls."
        )
    best = _best(rows)
    ds, gens = sorted(best["d"].unique()), [gen for gen in COMPARED if is_value(best["gen"], gen).any()]
    panels = [(family, fm) for family in natural_order(best["family"]) for fm in natural_order(best["fm"])]
    several = best["family"].nunique() > 1
    columns = style.fitting(0.8, len(panels))
    strips = ceil(len(panels) / columns)
    across = style.width() / columns
    facts = f"{text}\nMean over draws, band from lowest to highest; n = {sizes(families)}{_run(rows)}"
    fig = style.sheet("Best k and its accuracy over d", facts, 0.25 + 2.1 * strips)
    grid = fig.add_gridspec(2 * strips, columns)
    first = None
    for i, (family, fm) in enumerate(panels):
        strip, column = divmod(i, columns)
        upper = fig.add_subplot(grid[2 * strip, column], sharey=first and first[0])
        lower = fig.add_subplot(grid[2 * strip + 1, column], sharey=first and first[1])
        first = first or (upper, lower)
        own = best[(best["family"] == family) & (best["fm"] == fm)]
        upper.plot(ds, ds, **DIAGONAL)
        for gen in gens:
            _line(lower, own[own["gen"] == gen], "accuracy", gen)
            if gen not in ONE_K:
                _line(upper, own[own["gen"] == gen], "k", gen)
        name = f"{fm}, {family}" if several else fm
        upper.set_title(style.broken(name, across - 0.2), fontweight="bold")
        for axes in (upper, lower):
            style.d_axis(axes, ds, across - 0.35)
            axes.tick_params(labelleft=column == 0, labelbottom=axes is lower)
        if column == 0:
            upper.set_ylabel("Best k")
            lower.set_ylabel("Accuracy (%)")
            style.label_across(lower, "Original classes per class, d", min(columns, len(panels) - i))
    first[0].set_ylim(0, None)
    first[0].yaxis.set_major_locator(MaxNLocator(5, integer=True))
    style.percent_axis(first[1])
    norms = dict(rows[["gen", "norm"]].drop_duplicates().to_numpy())
    style.legend_below(fig, _gen_handles(gens, norms))
    return fig


DIAGONAL = {"color": style.GREY, "linewidth": 0.8, "linestyle": style.DASHES[2], "zorder": 1.5}
COMPARED = ("mean", "kmeans", "kls", "ls")


def _run(rows: pd.DataFrame) -> str:
    """The k that each GEN was run with, a line each: the best is one of them."""
    found = {}
    for gen in COMPARED:
        ks = sorted({int(k) for k in rows.loc[is_value(rows["gen"], gen), "k"]})
        if len(ks) > 1:
            found[gen] = ", ".join(map(str, ks)) if len(ks) < 10 else f"{ks[0]} to {ks[-1]}"
    return "".join(f"\n{gen} with k = {ks}" for gen, ks in found.items())


def _best(rows: pd.DataFrame) -> pd.DataFrame:
    """fm, family, d, draw, gen with its best k (1 where there is no choice) and accuracy (%)."""
    import pandas as pd

    keys = ["fm", "family", "d", "draw", "gen"]
    typed = rows.astype({"fm": str, "family": str, "gen": str, "d": int, "draw": int})
    one = typed[is_value(typed["k"], 1)]
    for name, same in (("mean", "kmeans"), ("ls", "kls")):  # these are the others with k = 1
        if not (typed["gen"] == name).any():
            typed = pd.concat([typed, one[one["gen"] == same].assign(gen=name)])
    means = typed.groupby([*keys, "k"])["accuracy"].mean().mul(100).reset_index()
    return means.loc[means.groupby(keys)["accuracy"].idxmax()]


def _line(axes: Axes, own: pd.DataFrame, column: str, gen: str) -> None:
    look = _look(gen)
    line = own.groupby("d")[column].agg(["mean", "min", "max"]).astype(float)
    if len(line) == 0:
        return
    axes.fill_between(line.index, line["min"], line["max"], color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(line.index, line["mean"], **look.line())


def _look(gen: str) -> style.Look:
    """The look of a GEN, with a marker where other figures have a line without one."""
    look = style.gen_look(gen)
    marker = {"mean": "s", "ls": "D"}.get(gen, look.marker)
    return style.Look(look.colour, marker, look.dash)


def _gen_handles(gens: list[str], norms: dict[str, str]) -> list:
    """norms: NORM and AGG of the GENs that have others than those of the figure, else empty."""
    from matplotlib.lines import Line2D

    names = {gen: f"{gen} ({norms[gen].split(';')[0]})" if norms.get(gen) else gen for gen in gens}
    lines = [Line2D([], [], **_look(gen).line(), label=names[gen]) for gen in gens]
    return [*lines, Line2D([], [], **DIAGONAL, label="k = d")]
