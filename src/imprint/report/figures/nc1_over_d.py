"""Neural collapse (NC1) when each class is made of d original ones."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from imprint.analysis.natural_order import natural_order
from imprint.analysis.selection import from_to
from imprint.analysis.splits import nc1_in_words
from imprint.report.drawing.axes import LOG_FROM, d_axis, label_right, log_axis
from imprint.report.drawing.looks import legend_line, numbered_look
from imprint.report.drawing.panels import shared_panels
from imprint.report.drawing.sheet import legend_below, sheet
from imprint.report.drawing.style import INK, figure_width, panels_across, setting, small_size
from imprint.report.drawing.text import break_name, text_width
from imprint.report.registry import NO_FAMILY, NothingToShow, Presets, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Neural collapse against d"


@figure("nc1_over_d", title=TITLE, category="Neural collapse")
def nc1_over_d(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> Figure:
    """A panel per FM with a "d in 1" family: NC1 against d, a line per family, and at the right the other tasks by name."""
    known = collapse.dropna(subset="nc1").astype({"fm": str, "task": str, "family": str})
    known = known[known["fm"].isin(known.loc[known["d"].notna(), "fm"])]
    families, others = known[known["d"].notna()], known[known["d"].isna()]
    if families.empty:
        raise NothingToShow(NO_FAMILY)
    fms, names = natural_order(known["fm"]), natural_order(families["family"])
    columns = panels_across(2.4, len(fms))
    rows = ceil(len(fms) / columns)
    height = max(1.2, 0.11 * others["task"].nunique())
    beside = max((text_width(task, small_size()) for task in others["task"].unique()), default=0)
    inches = max(figure_width() / columns - 0.65 - beside, 0.5)  # width of a panel inside its axes
    titles = [break_name(fm, inches + 0.6) for fm in fms]
    more_lines = max(title.count("\n") for title in titles)
    above = 0.25 + more_lines * 1.2 * setting("axes.titlesize") / 72
    draws = from_to(families.groupby(["fm", "family", "d"])["draw"].nunique(), "draw")
    subtitle = f"{nc1_in_words(known)}\nLine: {', '.join(names)}; mean, band from lowest to highest, n = {draws}"
    if len(others):
        subtitle += ". Right: the other tasks"
    fig = sheet(TITLE, subtitle, 0.25 + (height + above) * rows)
    x_label, y_label = "Original classes per class, d", "NC1 (0 = collapsed)"
    grid = shared_panels(fig, len(fms), columns, x_label, y_label)
    ds = sorted(families["d"].astype(int).unique())
    _nc1_scale(grid[0], known["nc1"])
    for axes, fm, title in zip(grid, fms, titles, strict=True):
        _lines(axes, families[families["fm"] == fm], names)
        axes.set_title(title, fontweight="bold")
        d_axis(axes, ds, inches)
    for axes, fm in zip(grid, fms, strict=True):
        _other_tasks(axes, others[others["fm"] == fm], height)
    if len(names) > 1:
        lines = [legend_line(name, **numbered_look(i).line()) for i, name in enumerate(names)]
        legend_below(fig, lines, title="Family")
    return fig


def _lines(axes: Axes, families: pd.DataFrame, names: list[str]) -> None:
    groups = families.astype({"d": int}).groupby(["family", "d"])["nc1"].agg(["mean", "min", "max"])
    for family, line in groups.reset_index("d").groupby("family"):
        look = numbered_look(names.index(str(family)))
        look.draw(axes, line["d"], line["mean"], line["min"], line["max"], alpha=0.2)


def _other_tasks(axes: Axes, others: pd.DataFrame, height: float) -> None:
    """Mark the tasks without a d at the right edge and name them."""
    levels = others.groupby("task")["nc1"].mean()
    edge = axes.get_yaxis_transform()
    for level in levels:
        axes.plot([1, 1.012], [level] * 2, transform=edge, color=INK, clip_on=False)
    label_right(axes, dict(levels), height)


def _nc1_scale(axes: Axes, values: pd.Series) -> None:
    """Set an NC1 axis that contains all values, logarithmic if they span a factor of `LOG_FROM` or more."""
    if values.min() <= 0 or values.max() / values.min() < LOG_FROM:
        axes.set_ylim(0, 1.05 * values.max())
        return
    axes.set_ylim(values.min() / 1.2, 1.2 * values.max())
    log_axis(axes, "y")
