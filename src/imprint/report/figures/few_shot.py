"""Accuracy against the number of training samples per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imprint.analysis.gens import gens_without_k, shown_gen
from imprint.analysis.matrices import is_value
from imprint.analysis.selection import natural_order, sizes, standard
from imprint.report.drawing.axes import k_axis
from imprint.report.drawing.looks import Look, gen_look, in_legend_order, legend_line, shades
from imprint.report.drawing.panels import by_task
from imprint.report.drawing.sheet import legend_below
from imprint.report.figures.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Few shots: accuracy over samples per class"
LEVEL = 0.95
ALL_SAMPLES = "full"


@dataclass(frozen=True)
class _Line:
    """One line of every panel: a GEN with one k, or a GEN without a choice of k."""

    label: str
    look: Look
    gen: str
    k: int | None = None

    def rows(self, cell: pd.DataFrame) -> pd.DataFrame:
        of_gen = cell[is_value(cell["gen"], self.gen)]
        return of_gen if self.k is None else of_gen[is_value(of_gen["k"], self.k)]


@figure("few_shot", title=TITLE, category="Few shots")
def few_shot(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A row of panels per task, a column per FM, a line per k; GENs without a choice of k as further lines.

    Of the GENs with a choice of k one is shown, k-means if it was run. Tasks of a "d in 1" family are left out unless
    there are no others.
    """
    plain = scores[scores["d"].isna()]
    rows, configuration = standard(plain if len(plain) else scores)
    if rows["shots"].nunique() < 2:
        raise NothingToShow(
            "Only one number of shots in this experiment. Add some, as shots: [1, 5, 20, full]."
        )
    without_k = gens_without_k(rows)
    gen = shown_gen(rows.loc[~rows["gen"].isin(without_k), "gen"])
    table = _means(rows[rows["gen"].isin([gen, *without_k])])
    ks = sorted(table.loc[is_value(table["gen"], gen), "k"].dropna().astype(int).unique())
    lines = [_Line(f"k = {k}", look, gen, k) for k, look in shades(ks).items()]
    lines += [_Line(name, gen_look(name), name) for name in in_legend_order(without_k)]

    counts = sorted({int(n) for n in table["shots"] if n != ALL_SAMPLES})
    # all samples stand a step to the right of the most shots, whatever their number
    positions = {str(n): n for n in counts} | {ALL_SAMPLES: _beyond(counts)}
    ticks = sorted(positions[n] for n in table["shots"].unique())
    fms, tasks = natural_order(table["fm"]), natural_order(table["task"])
    cells = dict(tuple(table.groupby(["task", "fm"])))

    def draw(axes: Axes, task: str, fm: str, inches: float) -> None:
        if (task, fm) in cells:
            _panel(axes, cells[task, fm], lines, positions)
        k_axis(axes, ticks, inches, {positions[ALL_SAMPLES]: ALL_SAMPLES})

    values = f"Mean, band: its 95% confidence interval (Student's t) over {sizes(rows)}"
    fig = by_task(TITLE, f"{configuration}\n{values}", tasks, fms, "Samples per class, n", draw)
    title = f"Proxies per class, k, of {gen}"
    if without_k:
        title += ", and GENs without a choice of k"
    legend_below(fig, [legend_line(line.label, **line.look.line()) for line in lines], title=title)
    return fig


def _beyond(counts: list[int]) -> int:
    """A number one step of their own on a logarithmic axis beyond these."""
    if not counts:
        return 1
    step = (counts[-1] / counts[0]) ** (1 / max(len(counts) - 1, 1))
    return max(2, round(counts[-1] * step))


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """fm, task, gen, k, shots, mean accuracy (%) over seeds and draws, and the ends of its confidence interval."""
    from scipy.stats import t

    keys = ["fm", "task", "gen", "k", "shots"]
    groups = rows.groupby(keys, observed=True, dropna=False)["accuracy"]
    table = groups.agg(["mean", "std", "size"]).reset_index()
    quantile = t.ppf((1 + LEVEL) / 2, np.maximum(table["size"] - 1, 1))
    half = quantile * table["std"].fillna(0) / table["size"] ** 0.5
    table["low"] = (table["mean"] - half).clip(0, 1)
    table["high"] = (table["mean"] + half).clip(0, 1)
    table[["mean", "low", "high"]] *= 100
    return table.astype({"fm": str, "task": str, "gen": str, "shots": str})


def _panel(axes: Axes, cell: pd.DataFrame, lines: list[_Line], positions: dict[str, int]) -> None:
    for line in lines:
        rows = line.rows(cell)
        rows = rows.assign(n=rows["shots"].map(positions)).sort_values("n")
        axes.fill_between(
            rows["n"], rows["low"], rows["high"], color=line.look.colour, alpha=0.15, linewidth=0
        )
        axes.plot(rows["n"], rows["mean"], **line.look.line())
