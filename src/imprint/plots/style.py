"""One look for all figures: sizes for a paper's column, colours that the colour-blind and a grey printer tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.store import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SINGLE, DOUBLE = 3.4, 7.0  # widths of a figure, inches
DPI = 200
INK, GREY = "#222222", "#767676"

# Okabe and Ito 2008, its yellow left out: too pale for a line on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
)
FILLS = ("full", "none", "left", "top", "right", "bottom")

RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "figure.dpi": DPI,
    "figure.titlesize": 8,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    "pdf.fonttype": 42,
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and dash pattern of one line; any one of the three tells it from the others."""

    colour: str
    marker: str | None
    dash: Any

    def line(self, **changes: Any) -> dict[str, Any]:
        """Arguments for `Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dash, **changes}


GENS = {
    "kmeans": Look(COLOURS[0], "o", DASHES[0]),
    "kmedoids": Look(COLOURS[4], "D", DASHES[4]),
    "fps": Look(COLOURS[2], "^", DASHES[3]),
    "cov_max": Look(COLOURS[3], "v", DASHES[0]),
    "random": Look(COLOURS[1], "s", DASHES[1]),
    "kls": Look(COLOURS[5], "P", DASHES[1]),
    "mean": Look(GREY, None, DASHES[2]),
    "all": Look(GREY, None, DASHES[1]),
    "ls": Look(INK, None, DASHES[0]),
}


def gen_look(gen: str) -> Look:
    """The look of a GEN, the same in every figure; one that has none yet gets a black line with stars."""
    return GENS.get(gen, Look(COLOURS[6], "*", DASHES[3]))


def line_look(which: int, dash: int) -> Look:
    """The look of the line of one FM (numbered) and, by its dash, one task family."""
    return Look(COLOURS[which % len(COLOURS)], MARKERS[which % len(MARKERS)], DASHES[dash % len(DASHES)])


def point_look(which: int, shape: int) -> dict[str, Any]:
    """Arguments for `Axes.plot` of one point: colour and fill by FM (numbered), shape by task family."""
    return {
        "color": COLOURS[which % len(COLOURS)],
        "fillstyle": FILLS[which % len(FILLS)],
        "markerfacecoloralt": "white",
        "marker": MARKERS[shape % len(MARKERS)],
        "linestyle": "",
        "markersize": 5.5,
        "markeredgewidth": 0.9,
    }


@contextmanager
def applied() -> Iterator[None]:
    """The style for what is drawn inside."""
    import matplotlib

    with matplotlib.rc_context(RC):
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure (inches) that lays its parts out without overlap and needs no display."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.05))


def notice(title: str, message: str) -> Figure:
    """A figure that holds only words: what would be here, and what is missing."""
    figure = canvas(DOUBLE, 1.4)
    figure.text(0.5, 0.72, title, ha="center", va="center", fontsize=9, fontweight="bold")
    figure.text(0.5, 0.36, fill(message, 100), ha="center", va="center", color=GREY)
    return figure


def subtitle(figure: Figure, text: str) -> None:
    """What the whole figure shows, in grey above it."""
    figure.suptitle(fill(text, int(16.2 * figure.get_figwidth())), color=GREY)


def broken(name: str, width: int) -> str:
    """A long name on several lines of at most `width` characters where it can be broken (after - _ . / or space)."""
    lines = [""]
    for part in re.findall(r"[^-_./ ]*[-_./ ]?", name):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def row_title(axes: Axes, name: str) -> None:
    """The name of a row of panels, at the right of its last one."""
    axes.annotate(
        name, (1, 0.5), (5, 0), "axes fraction", "offset points", rotation=270, va="center", fontweight="bold"
    )


def legend_below(figure: Figure, handles: Sequence[Any], title: str | None = None) -> None:
    """One legend under all panels, in as few rows as the width allows."""
    inches = [0.65 + 0.062 * len(handle.get_label()) for handle in handles]
    for rows in range(1, len(handles) + 1):
        columns = ceil(len(handles) / rows)
        if sum(max(part) for part in np.array_split(inches, columns)) < figure.get_figwidth():
            break
    figure.legend(handles=list(handles), loc="outside lower center", ncols=columns, title=title)


def k_axis(axes: Axes, ks: Sequence[int], inches: float) -> None:
    """A logarithmic axis whose ticks are the k that were run; labels that would touch are left out.

    inches: the width of the panel inside its axes.
    """
    ks = sorted(set(ks))
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(ks[0] / 1.15, ks[-1] * 1.15)
    place = np.log(ks) / np.log(ks[-1] / ks[0] * 1.15**2) * inches
    labels, taken = [""] * len(ks), np.inf
    # from the largest k down, so that both ends of the range keep theirs
    for i in [0, *range(len(ks) - 1, 0, -1)]:
        room = 0.07 * len(str(ks[i])) + 0.04
        if i == 0 or (place[i] + room <= taken and place[i] - room >= place[0]):
            labels[i] = str(ks[i])
            taken = place[i] if i else taken
    axes.set_xticks(ks, labels)


def percent_axis(axes: Axes) -> None:
    """An accuracy axis: round ticks, and never a range so narrow that noise looks like an effect."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    if high - low < 3:
        low, high = (low + high) / 2 - 1.5, (low + high) / 2 + 1.5
    axes.set_ylim(max(low, -1), min(high, 100.8))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def save(figure: Figure, stem: str | Path) -> tuple[Path, Path]:
    """Write stem.png (200 dpi) and stem.pdf; the same figure gives the same bytes."""
    stem = Path(stem)
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    with applied():
        with atomic(png) as path:
            figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
        with atomic(pdf) as path:
            figure.savefig(
                path, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None}
            )
    return png, pdf
