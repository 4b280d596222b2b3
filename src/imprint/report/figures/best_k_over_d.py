"""The best number of proxies per class, and the accuracy there, when each class is made of d original ones."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.analysis.best_k import best_k
from imprint.analysis.gens import SAME_WITH_ONE, has_choice_of_k
from imprint.analysis.matrices import PAIR, is_value
from imprint.analysis.selection import shown, sizes
from imprint.report.drawing.axes import d_axis, label_across, percent_axis
from imprint.report.drawing.looks import DOTTED_GUIDE, Look, gen_look, legend_line
from imprint.report.drawing.panels import family_panels
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import INK, figure_width, panels_across
from imprint.report.drawing.text import break_name
from imprint.report.registry import NO_FAMILY, NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "Best k and its accuracy over d"
COMPARED = ("mean", "kmeans", "kls", "ls")
DIAGONAL = {**DOTTED_GUIDE, "color": INK, "zorder": 3}
POINTS = {"mean": "s", "ls": "D"}  # markers of GENs that are horizontal lines in other figures


@figure("best_k_over_d", title=TITLE, category="Proxies per class")
def best_k_over_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """The best k (top) and the accuracy with it (bottom) against d: a column per FM and "d in 1" family, a line per GEN.

    The best k is the smallest within noise of the highest accuracy, see `imprint.analysis.best_k`.
    """
    from matplotlib.ticker import MaxNLocator

    families = scores[scores["d"].notna()]
    if families.empty:
        raise NothingToShow(NO_FAMILY)
    rows, configuration = shown(families)
    rows = rows[rows["gen"].isin(COMPARED) & rows["k"].notna()]
    if rows.empty:
        raise NothingToShow(
            f"The 'd in 1' tasks were run without {', '.join(COMPARED)}. Add kmeans with several k, mean, ls or kls."
        )
    best = _best(rows, _test_samples(collapse))
    ds = sorted(best["d"].unique())
    gens = [gen for gen in COMPARED if is_value(best["gen"], gen).any()]
    panels = family_panels(best)
    columns = panels_across(0.8, len(panels))
    strips = ceil(len(panels) / columns)
    across = figure_width() / columns
    runs = "draws" if families["draw"].nunique() > 1 else "seeds"
    rule = (
        "Best k: the smallest within one standard error of the highest accuracy; band: up to the largest such k\n"
        f"Accuracy: mean at the best k, band from lowest to highest of the {runs}; n = {sizes(families)}"
    )
    fig = sheet(TITLE, f"{configuration}\n{rule}{_ks_run(rows)}", 0.25 + 2.1 * strips)
    grid = fig.add_gridspec(2 * strips, columns)
    first: tuple[Axes | None, Axes | None] = (None, None)
    for i, (family, fm, title) in enumerate(panels):
        strip, column = divmod(i, columns)
        upper = fig.add_subplot(grid[2 * strip, column], sharey=first[0])
        lower = fig.add_subplot(grid[2 * strip + 1, column], sharey=first[1])
        if i == 0:
            first = (upper, lower)
        cell = best[(best["family"] == family) & (best["fm"] == fm)]
        upper.plot(ds, ds, **DIAGONAL)
        for gen in gens:
            of_gen = cell[cell["gen"] == gen]
            _line(lower, of_gen, ("mean", "lowest", "highest"), _look(gen))
            if has_choice_of_k(gen):
                _line(upper, of_gen, ("k", "k", "largest"), _look(gen))
        upper.set_title(break_name(title, across - 0.2), fontweight="bold")
        for axes in (upper, lower):
            d_axis(axes, ds, across - 0.35)
            axes.tick_params(labelleft=column == 0, labelbottom=axes is lower)
        if column == 0:
            upper.set_ylabel("Best k")
            lower.set_ylabel("Accuracy (%)")
            label_across(lower, "Original classes per class, d", min(columns, len(panels) - i))
    k_panel, accuracy_panel = fig.axes[:2]
    k_panel.set_ylim(0, None)
    k_panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    percent_axis(accuracy_panel)
    norms = dict(rows[["gen", "norm"]].drop_duplicates().to_numpy())
    legend_below(fig, _legend(gens, norms))
    return fig


def _ks_run(rows: pd.DataFrame) -> str:
    """The k that each GEN was run with, a line each; the best k is one of them."""
    lines = []
    for gen in COMPARED:
        ks = sorted({int(k) for k in rows.loc[is_value(rows["gen"], gen), "k"]})
        if len(ks) > 1:
            text = ", ".join(map(str, ks)) if len(ks) < 10 else f"{ks[0]} to {ks[-1]}"
            lines.append(f"\n{gen} with k = {text}")
    return "".join(lines)


def _test_samples(collapse: pd.DataFrame) -> dict[Any, float]:
    """Test samples of a draw by (fm, task), where they are known."""
    known = collapse.dropna(subset="test_samples").astype({"fm": str, "task": str})
    return known.groupby(PAIR)["test_samples"].mean().to_dict()


def _best(rows: pd.DataFrame, test_samples: dict[Any, float]) -> pd.DataFrame:
    """A row for each fm, task, family, d and gen: its best k, the largest k within noise, and accuracies (%) at the best k.

    Columns k and largest; mean, lowest and highest, over draws or, with one draw, over seeds.
    """
    import pandas as pd

    typed = rows.astype(
        {"fm": str, "task": str, "family": str, "gen": str, "d": int, "draw": int, "k": int}
    )
    one = typed[typed["k"] == 1]
    for gen, other in SAME_WITH_ONE.items():
        if not (typed["gen"] == gen).any():
            typed = pd.concat([typed, one[one["gen"] == other].assign(gen=gen)])
    keys, bests = [*PAIR, "family", "d", "gen"], []
    for names, of_gen in typed.groupby(keys):
        best = best_k(of_gen, test_samples.get(names[:2], np.inf))
        at_best = of_gen[of_gen["k"] == best.smallest]
        repeated = "draw" if of_gen["draw"].nunique() > 1 else "seed"
        means = 100 * at_best.groupby(repeated)["accuracy"].mean()
        accuracies = (means.mean(), means.min(), means.max())
        bests.append((*names, best.smallest, best.largest, *accuracies))
    return pd.DataFrame(bests, columns=[*keys, "k", "largest", "mean", "lowest", "highest"])


def _line(axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], look: Look) -> None:
    """Draw a column against d, with a band between two others."""
    if rows.empty:
        return
    middle, low, high = columns
    rows = rows.sort_values("d")
    look.draw(axes, rows["d"], rows[middle], rows[low], rows[high], alpha=0.15)


def _look(gen: str) -> Look:
    look = gen_look(gen)
    return Look(look.colour, POINTS.get(gen, look.marker), look.dash)


def _legend(gens: list[str], norms: dict[str, str]) -> list[Line2D]:
    """`norms`: for each GEN its NORM and AGG if they differ from those of the figure, else empty."""
    lines = []
    for gen in gens:
        label = f"{gen} ({norms[gen].split(';')[0]})" if norms.get(gen) else gen
        lines.append(legend_line(label, **_look(gen).line()))
    return [*lines, legend_line("k = d", **DIAGONAL)]
