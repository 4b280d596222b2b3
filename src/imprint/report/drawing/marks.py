"""Marks of results without a position on an axis of k: GENs without a choice of k, and a k that each task chose."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from imprint.analysis.matrices import is_value
from imprint.analysis.selection import differing
from imprint.report.drawing.looks import gen_look, in_legend_order, legend_line
from imprint.report.drawing.style import GREY, INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

POINTS: dict[str, dict[str, Any]] = {
    "mean": {"marker": "s", "color": GREY, "markerfacecolor": "white"},
    "all": {"marker": "H", "color": gen_look("all").colour},
    "ls": {"marker": "D", "color": INK},
}


@dataclass(frozen=True)
class Mark:
    """One mark of every panel.

    Attributes
    ----------
    gen : str
        Its GEN.
    norm : str
        The name of its configuration if that differs from the configuration of the other GENs, else empty.
    chooses_k : bool
        Whether the GEN has a choice of k, and each task chose k by its training samples.
    differs : str
        What differs in its configuration, in few words.
    """

    gen: str
    norm: str
    chooses_k: bool
    differs: str

    @property
    def label(self) -> str:
        """Its label in the legend."""
        name = f"{self.gen}, k auto" if self.chooses_k else self.gen
        return f"{name} ({self.differs})" if self.norm else name

    @property
    def style(self) -> dict[str, Any]:
        """Arguments for `Axes.plot`."""
        look = gen_look(self.gen)
        if self.chooses_k:
            point = {"marker": "*", "color": look.colour, "markersize": 5}
        else:
            point = POINTS.get(self.gen, {"marker": look.marker, "color": look.colour})
        return {"linestyle": "", "clip_on": False, "zorder": 3, **point}

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Its rows in a table with the columns gen, k and norm."""
        rows = table[is_value(table["gen"], self.gen) & is_value(table["norm"], self.norm)]
        return rows[rows["k"].isna()] if self.chooses_k else rows


def marks_of(table: pd.DataFrame, without_k: Collection[str], text: str) -> list[Mark]:
    """The marks of a table with gen, k and norm, in the order of legends.

    without_k: GENs without a choice of k. text: a line that names the configuration of the other GENs.
    """
    flat = table["gen"].isin(list(without_k))
    kinds = table[flat | table["k"].isna()][["gen", "norm"]].drop_duplicates()
    order = in_legend_order(map(str, kinds["gen"]))
    marks = [
        Mark(str(gen), str(norm), gen not in without_k, differing(str(norm), text))
        for gen, norm in kinds.to_numpy()
    ]
    return sorted(marks, key=lambda mark: (mark.chooses_k, order.index(mark.gen), mark.norm))


def draw_marks(
    axes: Axes, table: pd.DataFrame, marks: Sequence[Mark], places: Iterable[float], middle: str
) -> None:
    """Draw marks at x positions, each at the column `middle` of the table, with a bar from its `low` to `high`."""
    for mark, x in zip(marks, places, strict=True):
        for y, low, high in mark.rows(table)[[middle, "low", "high"]].to_numpy(float):
            if low < high:
                axes.plot([x, x], [low, high], color=mark.style["color"], linewidth=0.8)
            axes.plot([x], [y], **mark.style)


def legend_entries(
    gens: Iterable[str],
    marks: Iterable[Mark],
    changes: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[list[Line2D]]:
    """Two groups of legend entries, for lines of GENs and for marks; an empty group is left out.

    changes: by GEN, the changes of its line as in `Look.line`.
    """
    of_lines = [legend_line(gen, **gen_look(gen).line(**changes.get(gen, {}))) for gen in gens]
    of_marks = [legend_line(mark.label, **mark.style) for mark in marks]
    return [group for group in (of_lines, of_marks) if group]
