"""Accuracy against the number of training samples per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imprint.plots import style
from imprint.plots.by_task import by_task
from imprint.plots.registry import NothingToShow, figure
from imprint.plots.selection import natural_order, sizes, standard
from imprint.statistics import ONE_K, is_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imprint.plots.registry import Presets

TITLE = "Few shots: accuracy over samples per class"
LEVEL = 0.95


@figure("few_shot", title=TITLE, category="Few shots")
def few_shot(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row of panels per task, a column per FM, a line per k; mean, ls and all, where run, as further lines.

    Of the GENs with a choice of k, k-means if it was run. Tasks of a "d in 1" family are left out unless there are no
    others.
    """
    plain = scores[scores["d"].isna()]
    rows, text = standard(plain if len(plain) else scores)
    if rows["shots"].nunique() < 2:
        raise NothingToShow(
            "Only one number of shots in this experiment. Add some, as shots: [1, 5, 20, full]."
        )
    gens = rows.loc[~rows["gen"].isin(ONE_K), "gen"].astype(str)
    gen = "kmeans" if gens.empty or (gens == "kmeans").any() else gens.mode().iloc[0]
    table = _means(rows[is_value(rows["gen"], gen) | rows["gen"].isin(ONE_K)])
    looks = _looks(table)
    counts = sorted({int(n) for n in table["shots"] if n != "full"})
    # all samples stand a step to the right of the most shots, whatever their number
    places = {str(n): n for n in counts} | {"full": _beyond(counts)}
    ticks = [places[n] for n in dict.fromkeys(sorted(table["shots"], key=places.get))]

    fms, tasks = natural_order(table["fm"]), natural_order(table["task"])
    cells = dict(tuple(table.groupby(["task", "fm"])))

    def draw(axes: Axes, task: str, fm: str, inches: float) -> None:
        if (task, fm) in cells:
            _panel(axes, cells[task, fm], looks, places)
        style.k_axis(axes, ticks, inches, {places["full"]: "full"})

    facts = f"{text}\nMean, band: its 95% confidence interval (Student's t) over {sizes(rows)}"
    fig = by_task(TITLE, facts, tasks, fms, "Samples per class, n", draw)
    without = ", and GENs without a choice of k" if any(kind != "k" for kind, _ in looks) else ""
    style.legend_below(fig, _handles(looks), title=f"Proxies per class, k, of {gen}{without}")
    return fig


def _beyond(counts: list[int]) -> int:
    return (
        max(2, round(counts[-1] * (counts[-1] / counts[0]) ** (1 / max(len(counts) - 1, 1)))) if counts else 1
    )


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """fm, task, gen, k, shots, mean accuracy (%) over seeds and draws, and the ends of its confidence interval."""
    from scipy.stats import t

    keys = ["fm", "task", "gen", "k", "shots"]
    groups = rows.groupby(keys, observed=True, dropna=False)["accuracy"]
    table = groups.agg(["mean", "std", "size"]).reset_index()
    half = (
        t.ppf((1 + LEVEL) / 2, np.maximum(table["size"] - 1, 1))
        * table["std"].fillna(0)
        / table["size"] ** 0.5
    )
    table["low"], table["high"] = (table["mean"] - half).clip(0, 1), (table["mean"] + half).clip(0, 1)
    table[["mean", "low", "high"]] *= 100
    return table.astype({"fm": str, "task": str, "gen": str, "shots": str})


def _looks(table: pd.DataFrame) -> dict[tuple[str, int | None], style.Look]:
    ks = sorted(table.loc[~table["gen"].isin(ONE_K), "k"].dropna().astype(int).unique())
    several = {("k", k): look for k, look in style.shades(ks).items()}
    return several | {(gen, None): style.gen_look(gen) for gen in ONE_K if (table["gen"] == gen).any()}


def _panel(
    axes: Axes, cell: pd.DataFrame, looks: dict[tuple[str, int | None], style.Look], places: dict[str, int]
) -> None:
    for (kind, k), look in looks.items():
        own = (
            cell[is_value(cell["k"], k) & ~cell["gen"].isin(ONE_K)]
            if kind == "k"
            else cell[cell["gen"] == kind]
        )
        line = own.assign(n=own["shots"].map(places)).sort_values("n")
        axes.fill_between(line["n"], line["low"], line["high"], color=look.colour, alpha=0.15, linewidth=0)
        axes.plot(line["n"], line["mean"], **look.line())


def _handles(looks: dict[tuple[str, int | None], style.Look]) -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], **look.line(), label=f"k = {k}" if kind == "k" else kind)
        for (kind, k), look in looks.items()
    ]
