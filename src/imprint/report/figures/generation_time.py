"""The time to generate proxies, against their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.generation_time import KIND, generation_times
from imprint.analysis.gens import gens_made_at_once, gens_without_k
from imprint.analysis.matrices import PAIR, fullest, with_few_shots
from imprint.analysis.selection import sizes
from imprint.analysis.splits import TRAINING_SAMPLES
from imprint.data.shots import ALL_SHOTS
from imprint.formatting import count
from imprint.report.drawing.axes import k_axis_with_marks, log_axis
from imprint.report.drawing.looks import NOT_MEASURED, gen_look, in_legend_order
from imprint.report.drawing.marks import draw_marks, legend_entries, marks_of
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import figure_width
from imprint.report.registry import NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Time to generate proxies over their number"
PITCH = 0.13  # inches from one mark to the next
SHORTEST = 1e-5  # seconds; shorter times are not measured


@figure("generation_time", title=TITLE, category="Proxies per class")
def generation_time(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A line per GEN, on logarithmic axes; GENs without a choice of k are marks at the right.

    A line with hollow marks is of a GEN that makes all k at once; its total time is divided in proportion to k.
    """
    from matplotlib.ticker import EngFormatter

    rows = fullest(scores)
    if rows.empty:
        raise NothingToShow("No scores in this experiment. Add GENs with several k to its grid.")
    table, pairs = _times(rows)
    without_k = gens_without_k(table)
    marks, lines = marks_of(table, without_k, ""), table[~table["gen"].isin(without_k)]
    ks = sorted(lines["k"].dropna().astype(int).unique()) or [1]
    changes = dict.fromkeys(gens_made_at_once(lines), NOT_MEASURED)
    fig = sheet(TITLE, _subtitle(rows, collapse, table, pairs, list(changes)), 2.3)
    axes = fig.subplots()
    places = k_axis_with_marks(axes, ks, figure_width() - 0.6, len(marks), PITCH)
    for gen, of_gen in lines.dropna(subset="k").groupby("gen"):
        line = of_gen.sort_values("k")
        k = line["k"].to_numpy(int)
        look, change = gen_look(str(gen)), changes.get(str(gen), {})
        look.draw(axes, k, line["median"], line["low"], line["high"], **change)
    draw_marks(axes, table, marks, places, "median")
    log_axis(axes, "y")
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    axes.set(xlabel="Proxies per class, k", ylabel="Generation time")
    gens = in_legend_order(lines.dropna(subset="k")["gen"])
    legend_below(fig, *legend_entries(gens, marks, changes))
    return fig


def _times(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """A table with gen, k, norm (empty), the generation time (median, low and high pair) and pairs; and the number of all pairs.

    The range is over pairs, as in the table `runtime`: that over seeds is mostly the first call of a library, which is in the
    time of the first seed.
    """
    times = generation_times(rows)
    times["seconds"] = times["seconds"].clip(lower=SHORTEST)
    of_kind = times.groupby(KIND, dropna=False)
    table = of_kind["seconds"].agg(median="median", low="min", high="max", pairs="size")
    return table.reset_index().assign(norm=""), len(times[PAIR].drop_duplicates())


def _subtitle(
    rows: pd.DataFrame,
    collapse: pd.DataFrame,
    table: pd.DataFrame,
    pairs: int,
    made_at_once: list[str],
) -> str:
    where = count(pairs, "FM and task", "pairs of FM and task")
    lines = [
        f"One set of proxies, all classes together; {where}{_samples(rows, collapse)}{with_few_shots(rows)}"
    ]
    if pairs == 1:
        lines.append(f"Median of {sizes(rows)}")
    else:
        lines.append(
            f"Median of pairs, band or bar from lowest to highest; a pair: median of {sizes(rows)}"
        )
    if made_at_once:
        gens = " and ".join(in_legend_order(made_at_once))
        lines.append(f"Dotted: {gens} makes all k at once; time divided in proportion to k")
    if (table["pairs"] < pairs).any():
        names = in_legend_order(table.loc[table["pairs"] < pairs, "gen"])
        lines.append(f"Not run on all pairs: {', '.join(names)}. Do not compare these")
    return "\n".join(lines)


def _samples(rows: pd.DataFrame, collapse: pd.DataFrame) -> str:
    """The number of training samples of the tasks, if all of them are used."""
    counts = collapse[TRAINING_SAMPLES].dropna()
    if counts.empty or not (rows["shots"] == ALL_SHOTS).all():
        return ""
    low, high = int(counts.min()), int(counts.max())
    return f"; {low:,}{'' if low == high else f' to {high:,}'} training samples"
